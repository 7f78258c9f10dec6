//! The two figures that survive a noisy machine.

/// The smallest; infinite when there is none.
pub fn minimum(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The middle one; NaN when there is none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The median of the quotients of figures of the same round; NaN when there is none.
pub fn paired(ours: &[f64], theirs: &[f64]) -> f64 {
    let quotients: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&quotients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_and_middle() {
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), 1.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn pairs_are_of_the_same_round() {
        // A round in which the machine was three times slower leaves the quotient as it is.
        assert_eq!(paired(&[1.0, 3.0, 1.0], &[2.0, 6.0, 4.0]), 0.5);
        assert!(paired(&[], &[1.0]).is_nan());
    }
}
