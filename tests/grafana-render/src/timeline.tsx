// Not Grafana's state timeline (that one is not on npm): a row for each series, a bar for each stretch of one state, with the
// words and colours that Grafana's own display processor gives.
import React from 'react';
import { FieldType, PanelProps, getDisplayProcessor, getFieldDisplayName } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

type Stretch = { from: number; to: number; value: unknown };

function stretches(times: number[], values: unknown[], step: number): Stretch[] {
  const found: Stretch[] = [];
  values.forEach((value, i) => {
    if (value === null || value === undefined) return;
    const last = found[found.length - 1];
    if (last && last.value === value && times[i] - last.to <= step * 1.5) last.to = times[i];
    else found.push({ from: times[i], to: times[i], value });
  });
  return found;
}

export function Timeline(p: PanelProps<any>) {
  const theme = useTheme2();
  const rows = p.data.series.flatMap((frame) =>
    frame.fields.filter((f) => f.type === FieldType.number).map((field) => ({ frame, field })),
  );
  const start = p.timeRange.from.valueOf(),
    length = p.timeRange.to.valueOf() - start,
    names = Math.min(300, p.width * 0.45),
    height = (p.height - 24) / rows.length;
  const at = (time: number) => `${Math.max(0, Math.min(100, (100 * (time - start)) / length))}%`;
  return (
    <div style={{ position: 'relative', height: p.height, fontSize: 12 }}>
      {rows.map(({ frame, field }, index) => {
        const time = frame.fields.find((f) => f.type === FieldType.time)!,
          display = getDisplayProcessor({ field, theme, timeZone: p.timeZone });
        const step = (time.config.interval as number) || 60000;
        return (
          <div key={index} style={{ display: 'flex', height, alignItems: 'center' }}>
            <div
              style={{
                width: names,
                whiteSpace: 'nowrap',
                overflow: 'hidden',
                textOverflow: 'ellipsis',
                paddingRight: 8,
                textAlign: 'right',
              }}
            >
              {getFieldDisplayName(field, frame, p.data.series)}
            </div>
            <div
              style={{
                position: 'relative',
                flex: 1,
                height: height * (p.options.rowHeight ?? 0.9),
                overflow: 'hidden',
              }}
            >
              {stretches(time.values, field.values, step).map((s, i) => {
                const shown = display(s.value);
                return (
                  <div
                    key={i}
                    style={{
                      position: 'absolute',
                      left: at(s.from - step),
                      width: `calc(${at(s.to)} - ${at(s.from - step)})`,
                      top: 0,
                      bottom: 0,
                      background: shown.color,
                      color: theme.colors.getContrastText(shown.color || '#000'),
                      overflow: 'hidden',
                      paddingLeft: 4,
                      display: 'flex',
                      alignItems: 'center',
                    }}
                  >
                    {shown.text}
                  </div>
                );
              })}
            </div>
          </div>
        );
      })}
    </div>
  );
}
