//! The known word nearest to a mistyped one, for every "did you mean".

/// The candidate that `word` was most likely meant to be; `None` where nothing
/// is near enough to be worth suggesting.
///
/// Near is at most one typing slip (a swap of neighbours counts as one) for
/// every three letters, upper and lower case alike. Of equally near candidates
/// the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let limit = wanted.chars().count().div_ceil(3);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        // The difference in length is a lower bound that costs nothing.
        if lower.chars().count().abs_diff(wanted.chars().count()) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&wanted, &lower);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let words = ["check", "status", "staging", "source"];
        assert_eq!(nearest("chekc", words), Some("check"));
        assert_eq!(nearest("sorce", words), Some("source"));
        assert_eq!(nearest("STAGNIG", words), Some("staging"));
        assert_eq!(nearest("production", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("x", ["dev"]), None);
    }

    #[test]
    fn the_nearest_wins_and_then_the_first() {
        assert_eq!(nearest("prod-eu", ["prod-us", "prod-eu1", "prod-eu2"]), Some("prod-eu1"));
        assert_eq!(nearest("dev", ["dev", "dev2"]), Some("dev"));
    }
}
