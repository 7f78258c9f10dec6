//! Where records may be cut: into halves for a receiver that takes less, into runs of a size.

use tracer_factory_ring::Records;

/// Cuts between two records, as near to the middle of the bytes as they allow. `None` for a single record.
pub(crate) fn halves(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = Records::new(records);
    let mut best: Option<usize> = None;
    while rest.next().is_some() && !rest.rest().is_empty() {
        let at = records.len() - rest.rest().len();
        let off_centre = |at: usize| at.abs_diff(records.len() - at);
        if best.is_some_and(|best| off_centre(best) <= off_centre(at)) {
            // From here on it is only further away.
            break;
        }
        best = Some(at);
    }
    best.map(|at| records.split_at(at))
}

/// Whole records in runs of at most about `max_bytes` and `max_spans`; at least one in each.
pub(crate) fn runs(records: &[u8], max_bytes: usize, max_spans: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut walk = Records::new(rest);
        let (mut end, mut spans) = (0, 0);
        while walk.next().is_some() {
            let next = rest.len() - walk.rest().len();
            if spans > 0 && (next > max_bytes || spans == max_spans) {
                break;
            }
            (end, spans) = (next, spans + 1);
        }
        let (run, left) = rest.split_at(end);
        rest = left;
        (spans > 0).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracer_factory_ring::RecordHeader;

    use super::*;

    fn records(lengths: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for (n, length) in lengths.iter().enumerate() {
            let header = RecordHeader { len: *length as u32, flags: n as u32, ..RecordHeader::default() };
            header.append_to(&vec![n as u8; *length], &mut out);
        }
        out
    }

    #[test]
    fn one_record_and_none_have_no_halves() {
        assert_eq!(halves(&records(&[])), None);
        assert_eq!(halves(&records(&[100_000])), None);
    }

    #[test]
    fn runs_are_whole_records_and_all_of_them() {
        let all = records(&[8, 8, 80_000, 8, 8, 8]);
        let found: Vec<_> = runs(&all, 200, 9).collect();
        assert_eq!(found.concat(), all);
        assert_eq!(found.iter().map(|run| Records::new(run).count()).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!(
            runs(&all[..all.len() - 1], 1 << 20, 9).map(|run| Records::new(run).count()).sum::<usize>(),
            5
        );
        let by_spans = runs(&all, 1 << 20, 4).map(|run| Records::new(run).count());
        assert_eq!(by_spans.collect::<Vec<_>>(), [4, 2]);
    }

    #[test]
    fn a_large_record_is_soon_alone() {
        let all = records(&[8, 8, 80_000, 8]);
        let (left, right) = halves(&all).unwrap();
        assert_eq!((Records::new(left).count(), Records::new(right).count()), (2, 2));
        let (large, small) = halves(right).unwrap();
        assert_eq!((Records::new(large).count(), Records::new(small).count()), (1, 1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_moved(lengths in prop::collection::vec(0usize..3000, 2..40)) {
            let all = records(&lengths);
            let (left, right) = halves(&all).unwrap();
            prop_assert!(!left.is_empty() && !right.is_empty());
            let of = |bytes| Records::new(bytes).map(|(header, span)| (header, span.to_vec())).collect::<Vec<_>>();
            prop_assert_eq!([of(left), of(right)].concat(), of(&all));
            let largest = 48 + lengths.iter().max().unwrap().next_multiple_of(8);
            prop_assert!(left.len().abs_diff(right.len()) <= largest, "within one record of the middle");
        }
    }
}
