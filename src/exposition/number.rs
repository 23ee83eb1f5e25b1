//! Sample values as text that reads back to exactly the same float.

/// Whole numbers up to here are exact in an `f64` and written without an exponent.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Appends a sample value.
pub(super) fn value(number: f64, out: &mut Vec<u8>) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "only used when it converts back to the same number"
    )]
    let (whole, back) = (number as i64, number as i64 as f64);
    if back == number && number.abs() <= LARGEST_WHOLE {
        integer(whole, out);
    } else if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    }
}

/// Appends the upper bound of a bucket, as in `le`. OpenMetrics requires a canonical float, `15.0` and
/// not `15`, and Prometheus 3 stores it so from some formats and not from others: written like this
/// a series is the same in every format.
pub(super) fn upper_bound(bound: f64, out: &mut Vec<u8>) {
    let start = out.len();
    value(bound, out);
    if bound.is_finite()
        && out[start..]
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'-')
    {
        out.extend_from_slice(b".0");
    }
}

/// Appends an integer.
pub(super) fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use proptest::prelude::*;

    use super::*;

    fn written(number: f64) -> String {
        let mut out = Vec::new();
        value(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_numbers_have_no_point_and_no_exponent() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (12.0, "12"),
            (-1.0, "-1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (0.25, "0.25"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        check_each(cases, |(number, text)| {
            assert_eq!(written(number), text);
        });
    }

    fn bound_as_text(number: f64) -> String {
        let mut out = b"1".to_vec();
        upper_bound(number, &mut out);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn upper_bounds_are_canonical_floats() {
        let cases = [
            (0.0, "0.0"),
            (0.05, "0.05"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (15.0, "15.0"),
            (86_400.0, "86400.0"),
            (-5.0, "-5.0"),
            (f64::INFINITY, "+Inf"),
        ];
        check_each(cases, |(number, text)| {
            assert_eq!(bound_as_text(number), text);
        });
    }

    proptest! {
        #[test]
        fn every_upper_bound_is_a_float_that_reads_back_as_itself(number in any::<f64>()) {
            let text = bound_as_text(number);
            prop_assert!(text.parse::<i64>().is_err(), "{}", text);
            let back: f64 = text.parse().unwrap();
            prop_assert!(back == number || (back.is_nan() && number.is_nan()));
        }

        #[test]
        fn every_float_reads_back_as_itself(number in any::<f64>()) {
            let back: f64 = written(number).parse().unwrap();
            prop_assert!(back == number || (back.is_nan() && number.is_nan()));
        }
    }
}
