//! The picture of the waits: a bar for each bucket, and in a row above them the share answered within its limit.

use super::html::{Html, Number, Percent};
use crate::status::{WaitBucket, Waits};

/// The picture's size in its own units.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 120.0;
/// Where the bars stand, and the height of the largest.
const FLOOR: f64 = 100.0;
const LARGEST: f64 = 78.0;
/// Where the shares stand: in one row, clear of every bar.
const SHARES: f64 = 14.0;
/// More labels than these would overlap.
const LABELS: usize = 9;

/// Draws the waits of a window.
pub(super) fn draw(html: &mut Html, window: &str, waits: &Waits) {
    html.raw("<svg role=\"img\" viewBox=\"0 0 400 120\" aria-label=\"");
    html.text(format_args!("Waits in the window {window}: "));
    if waits.chats > 0.0 {
        for bucket in &waits.buckets {
            describe(html, bucket);
        }
    } else {
        html.raw("no chats");
    }
    html.raw("\"><line x1=\"0\" y1=\"100\" x2=\"400\" y2=\"100\"/>");
    if waits.chats > 0.0 {
        bars(html, waits);
    } else {
        html.raw("<text x=\"200\" y=\"60\">no chats</text>");
    }
    html.raw("</svg>");
}

fn describe(html: &mut Html, bucket: &WaitBucket) {
    let (Some(limit), Some(share)) = (bucket.within_seconds, bucket.share_within) else {
        return;
    };
    html.text(format_args!(
        "{} within {} s; ",
        Percent(share),
        Number(limit)
    ));
}

#[expect(clippy::cast_precision_loss, reason = "there are few buckets")]
fn bars(html: &mut Html, waits: &Waits) {
    let count = waits.buckets.len();
    let step = WIDTH / count as f64;
    let every = count.div_ceil(LABELS);
    let most = waits.buckets.iter().map(|bucket| bucket.chats);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    for (index, bucket) in waits.buckets.iter().enumerate() {
        let left = step * index as f64;
        let height = (bucket.chats / most * LARGEST).max(0.0);
        rect(
            html,
            left + step * 0.12,
            FLOOR - height,
            step * 0.76,
            height,
        );
        // Beside the last one, which always has a label, another would overlap it.
        if index + 1 != count && (index % every != 0 || index + every >= count) {
            continue;
        }
        let middle = left + step / 2.0;
        match bucket.within_seconds {
            Some(limit) => {
                if let Some(share) = bucket.share_within {
                    label(html, middle, SHARES, &Percent(share).to_string());
                }
                label(
                    html,
                    middle,
                    HEIGHT - 6.0,
                    &format!("≤ {} s", Number(limit)),
                );
            }
            None => label(html, middle, HEIGHT - 6.0, "longer"),
        }
    }
}

fn rect(html: &mut Html, x: f64, y: f64, width: f64, height: f64) {
    html.raw("<rect x=\"").text(format_args!("{x:.1}"));
    html.raw("\" y=\"").text(format_args!("{y:.1}"));
    html.raw("\" width=\"").text(format_args!("{width:.1}"));
    html.raw("\" height=\"").text(format_args!("{height:.1}"));
    html.raw("\"/>");
}

fn label(html: &mut Html, x: f64, y: f64, text: &str) {
    html.raw("<text x=\"").text(format_args!("{x:.1}"));
    html.raw("\" y=\"").text(format_args!("{y:.1}"));
    html.raw("\">").text(text).raw("</text>");
}
