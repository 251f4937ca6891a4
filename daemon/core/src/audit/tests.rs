use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

const LOG: &str = "00112233445566ff";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn who() -> Who {
    Who {
        uid: Some(1000),
        pid: Some(42),
        bus_name: ":1.7".to_owned(),
    }
}

fn entry(action: Action, number: i64) -> Entry {
    Entry::new(action, &who(), at(number)).job(Some(&"home".parse().unwrap()))
}

/// A log of so many records.
fn log_of(name: &str, count: i64, first: Entry) -> Vec<Sealed> {
    let mut head = Head::before_first(name.to_owned());
    let mut next = |entry| {
        let sealed = head.seal(entry, head.seq + 1).unwrap();
        head = head.after(&sealed);
        sealed
    };
    let first = next(first);
    std::iter::once(first)
        .chain((2..=count).map(|number| next(entry(Action::RunStart, number))))
        .collect()
}

fn log(count: i64) -> Vec<Sealed> {
    log_of(LOG, count, entry(Action::LogBegin, 1))
}

fn verify(records: &[Sealed]) -> Result<Head, Broken> {
    let mut verifier = Verifier::new();
    for sealed in records {
        verifier.take(sealed)?;
    }
    verifier.finish()
}

/// Computes all hashes anew, as somebody who knows how would.
fn recompute(records: &mut [Sealed]) {
    let mut prev = NO_HASH.to_owned();
    for (seq, sealed) in (1..).zip(records) {
        let mut record: Record = serde_json::from_str(&sealed.record).unwrap();
        record.seq = seq;
        record.prev = prev.clone();
        sealed.seq = seq;
        sealed.record = serde_json::to_string(&record).unwrap();
        sealed.hash = hash(&sealed.record);
        prev.clone_from(&sealed.hash);
    }
}

fn compare(copies: &[Sealed], records: &[Sealed]) -> Comparison {
    let mut comparer = Comparer::default();
    for copy in copies {
        assert!(comparer.copy(&copy.record, &copy.hash));
    }
    for record in records {
        comparer.record(record);
    }
    comparer.finish()
}

#[test]
fn the_canonical_form_is_fixed() {
    let sealed = &log(2)[1];
    insta::assert_snapshot!(sealed.record, @r#"{"v":1,"seq":2,"log":"00112233445566ff","time_usec":1800000002000000,"uid":1000,"pid":42,"bus_name":":1.7","action":"run-start","call":"","job":"home","repository":"","run":"","snapshot":"","target":"","old_revision":"","new_revision":"","old":"","new":"","result":"done","reason":"","count":1,"prev":"e9816a3b4d75cd72fc86c336816d112c16e775f77a1337ed99539d49479b6ce4"}"#);
    // What sha256sum(1) says of "abc".
    assert_eq!(
        hash("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let odd = entry(Action::Call, 1).values("\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}/é", "");
    let sealed = Head::before_first(LOG.to_owned()).seal(odd, 1).unwrap();
    assert!(
        sealed
            .record
            .contains("\"old\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\u{7f}/é\""),
        "{}",
        sealed.record
    );
}

#[test]
fn a_log_is_good_as_it_was_written_and_an_empty_one_is_none() {
    let records = log(5);
    let head = verify(&records).unwrap();
    assert_eq!((head.seq, &head.hash), (5, &records[4].hash));
    assert_eq!(verify(&[]).unwrap_err().kind, BrokenKind::Empty);
}

#[test]
fn what_is_wrong_is_named() {
    let good = log(5);
    let broken = |change: &dyn Fn(&mut Vec<Sealed>)| {
        let mut records = good.clone();
        change(&mut records);
        let broken = verify(&records).unwrap_err();
        (broken.seq, broken.kind)
    };
    assert_eq!(broken(&|r| drop(r.remove(2))), (3, BrokenKind::Removed(3)));
    assert_eq!(broken(&|r| drop(r.drain(..2))), (1, BrokenKind::Removed(2)));
    assert_eq!(
        broken(&|r| r[2].record = r[2].record.replace("home", "root")),
        (3, BrokenKind::Edited)
    );
    // Its own hash does fit, and the next record knows the old one.
    let edited = |r: &mut Vec<Sealed>| {
        r[2].record = r[2].record.replace("home", "root");
        r[2].hash = hash(&r[2].record);
    };
    assert_eq!(broken(&edited), (4, BrokenKind::Unlinked));
    let swapped = |r: &mut Vec<Sealed>| {
        r.swap(1, 2);
        r[1].seq = 2;
        r[2].seq = 3;
    };
    assert_eq!(broken(&swapped), (2, BrokenKind::Moved(3)));
    let white_space = |r: &mut Vec<Sealed>| {
        r[2].record = r[2].record.replace("\"v\":1", "\"v\": 1");
        r[2].hash = hash(&r[2].record);
    };
    assert!(matches!(broken(&white_space), (3, BrokenKind::Unreadable(_))));
    let later = |r: &mut Vec<Sealed>| {
        r[2].record = r[2].record.replace("\"v\":1", "\"v\":2");
        r[2].hash = hash(&r[2].record);
    };
    assert_eq!(broken(&later), (3, BrokenKind::Version(2)));
    let other = log_of("ffffffffffffffff", 5, entry(Action::LogBegin, 1));
    assert_eq!(
        broken(&|r| r[4] = other[4].clone()),
        (5, BrokenKind::OtherLog("ffffffffffffffff".to_owned()))
    );
    let headless = |r: &mut Vec<Sealed>| {
        r.remove(0);
        recompute(r);
    };
    assert_eq!(broken(&headless), (1, BrokenKind::Beginning));
}

#[test]
fn a_copy_tells_what_the_chain_cannot() {
    let good = log(6);
    let same = compare(&good, &good);
    assert_eq!((same.compared, same.without_copy, same.difference), (6, 0, None));
    // The end is cut off: the chain is as good as before.
    assert_eq!(verify(&good[..4]).unwrap().seq, 4);
    let cut = compare(&good, &good[..4]);
    assert_eq!(cut.difference, Some(Difference::Missing(5, 6)));
    // One record is edited and all hashes computed anew.
    let mut forged = good.clone();
    forged[2].record = forged[2].record.replace("home", "root");
    recompute(&mut forged);
    verify(&forged).unwrap();
    assert_eq!(compare(&good, &forged).difference, Some(Difference::Differs(3)));
    // The journal was rotated: what is there is compared.
    let rotated = compare(&good[3..], &forged);
    assert_eq!(rotated.oldest_copy, Some(4));
    assert_eq!(rotated.difference, Some(Difference::Differs(4)));
    let rotated = compare(&good[3..], &good);
    assert_eq!(
        (rotated.compared, rotated.without_copy, rotated.difference),
        (3, 3, None)
    );
    // There is no journal.
    let alone = compare(&[], &good);
    assert_eq!(
        (alone.compared, alone.without_copy, alone.difference),
        (0, 6, None)
    );
    assert!(!Comparer::default().copy(&good[0].record, &good[1].hash));
    // All of it is gone.
    let gone = compare(&good, &[]).difference.unwrap();
    assert_eq!((gone.seq(), gone.as_str()), (1, "replaced"));
}

#[test]
fn a_log_that_was_put_in_anothers_place_must_say_so() {
    let old = log_of("aaaaaaaaaaaaaaaa", 3, entry(Action::LogBegin, 1));
    let follows =
        |name: &str, before: &str, time| log_of(name, 2, entry(Action::LogBegin, time).values(before, ""));
    let silent = follows("bbbbbbbbbbbbbbbb", "", 10);
    let replaced = compare(&[&old[..], &silent[..]].concat(), &silent).difference;
    assert!(
        matches!(&replaced, Some(Difference::Replaced(other)) if other.seq == 3 && other.log == "aaaaaaaaaaaaaaaa"),
        "{replaced:?}"
    );
    for before in ["log aaaaaaaaaaaaaaaa, record 3", "unreadable"] {
        let second = follows("bbbbbbbbbbbbbbbb", before, 10);
        let third = follows("cccccccccccccccc", "log bbbbbbbbbbbbbbbb", 20);
        let copies = [&old[..], &second, &third].concat();
        assert_eq!(compare(&copies[..5], &second).difference, None, "{before}");
        assert_eq!(compare(&copies, &third).difference, None, "{before}");
    }
    // The same records under another name are another log.
    let renamed = log_of("dddddddddddddddd", 3, entry(Action::LogBegin, 1));
    assert!(matches!(
        compare(&old, &renamed).difference,
        Some(Difference::Replaced(_))
    ));
}

proptest! {
    #[test]
    fn any_edit_is_found(count in 2..12_i64, place in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), put in any::<u8>()) {
        let mut records = log(count);
        let victim = place.get(&records).seq;
        let sealed = records.iter_mut().find(|sealed| sealed.seq == victim).unwrap();
        let mut bytes = sealed.record.clone().into_bytes();
        let position = byte.index(bytes.len());
        prop_assume!(bytes[position] != put);
        bytes[position] = put;
        sealed.record = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(verify(&records).unwrap_err().seq, victim);
        // Nor does it help to write its own hash beside it, unless it is the last.
        let sealed = records.iter_mut().find(|sealed| sealed.seq == victim).unwrap();
        sealed.hash = hash(&sealed.record);
        if victim < u64::try_from(count).unwrap() {
            prop_assert!(verify(&records).is_err());
        }
        let original = log(count);
        let found = compare(&original, &records).difference.unwrap();
        prop_assert!(found.seq() == victim || matches!(found, Difference::Replaced(_)), "{found:?}");
    }

    #[test]
    fn any_removal_swap_or_insertion_is_found(count in 3..12_i64, one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>(), renumber in any::<bool>()) {
        let good = log(count);
        let renumbered = |mut records: Vec<Sealed>| {
            if renumber {
                for (seq, sealed) in (1..).zip(&mut records) {
                    sealed.seq = seq;
                }
            }
            records
        };
        let (one, two) = (one.index(good.len() - 1), two.index(good.len() - 1));
        let mut removed = good.clone();
        removed.remove(one);
        prop_assert!(verify(&renumbered(removed)).is_err());
        let mut inserted = good.clone();
        inserted.insert(two, good[one].clone());
        prop_assert!(verify(&renumbered(inserted)).is_err());
        prop_assume!(one != two);
        let mut swapped = good.clone();
        swapped.swap(one, two);
        prop_assert_eq!(verify(&renumbered(swapped)).unwrap_err().seq, u64::try_from(one.min(two)).unwrap() + 1);
    }

    #[test]
    fn any_tail_that_is_cut_off_is_missed_by_the_copy(count in 2..12_i64, left in any::<prop::sample::Index>()) {
        let good = log(count);
        let left = left.index(good.len() - 1) + 1;
        let first = u64::try_from(left).unwrap() + 1;
        let last = u64::try_from(count).unwrap();
        prop_assert_eq!(compare(&good, &good[..left]).difference, Some(Difference::Missing(first, last)));
    }

    #[test]
    fn a_change_is_what_differs(head in "[ab\n]{0,20}", old in "[cd\n]{0,20}", new in "[ef\n]{0,20}", tail in "[ab\n]{0,20}") {
        let (before, after) = (format!("{head}{old}{tail}"), format!("{head}{new}{tail}"));
        let change = change(&before, &after);
        prop_assert!(before.contains(&change.old) && after.contains(&change.new));
        prop_assert_eq!(change.old == change.new, before == after);
    }
}

#[test]
fn a_change_holds_no_user_and_no_password_of_a_url() {
    let found = change(
        "a = 1\nurl = \"rest:https://me:pa/ss@host/x\"\nb = 2\n",
        "a = 1\nurl = \"rest:https://host/x\"\nc = 'sftp://u@h/y' # sftp://plain/z\nb = 2\n",
    );
    assert_eq!(found.old, "url = \"rest:https://***@host/x\"\n");
    assert_eq!(
        found.new,
        "url = \"rest:https://host/x\"\nc = 'sftp://***@h/y' # sftp://plain/z\n"
    );
}

#[test]
fn a_long_text_is_cut_and_its_whole_is_named() {
    let text = "ü".repeat(20_000);
    let cut = entry(Action::JobReplace, 1).values(&text, "short");
    assert!(
        cut.old.len() < 17_000
            && cut
                .old
                .ends_with(&format!("(40000 bytes, sha256 {})", hash(&text)))
    );
    assert_eq!(cut.new, "short");
}

#[test]
fn a_flood_leaves_some_records_and_one_that_counts_the_rest() {
    let mut gate = Gate::default();
    let admitted = |gate: &mut Gate<u32>, calls: u64, now| {
        (0..calls)
            .filter(|_| gate.take(1000, now) == Admission::Record)
            .count()
    };
    assert_eq!(admitted(&mut gate, 100, at(0)), 5);
    assert_eq!(
        gate.take(1001, at(1)),
        Admission::Record,
        "another user has his own"
    );
    assert_eq!(gate.due(at(59)), []);
    assert_eq!(gate.next(), Some(at(60)));
    let due = gate.due(at(61));
    assert_eq!(
        due,
        [Skipped {
            key: Some(1000),
            count: 95
        }]
    );
    // Who goes on has a longer window; who stops is forgotten.
    assert_eq!(admitted(&mut gate, 10, at(70)), 5);
    assert_eq!(gate.due(at(61 + 119)), []);
    assert_eq!(gate.due(at(61 + 120)).len(), 1);
    assert_eq!(gate.due(at(100_000)), []);
    assert_eq!(gate.next(), None);
    assert_eq!(admitted(&mut gate, 7, at(100_001)), 5);
    assert_eq!(gate.finish().len(), 1);
}

#[test]
fn whoever_goes_on_for_a_day_leaves_few_records() {
    let (mut gate, mut records) = (Gate::default(), 0);
    for second in 0..86_400 {
        let now = at(second);
        records += gate.due(now).len();
        records += usize::from(gate.take(1000, now) == Admission::Record);
    }
    assert!(records < 250, "{records}");
    // A clock that is set back does not stop anything.
    assert_eq!(gate.due(at(-86_400)).len(), 1);
}

#[test]
fn many_users_at_once_are_counted_together() {
    let mut gate = Gate::default();
    let records = (0..10_000)
        .filter(|uid| gate.take(*uid, at(0)) == Admission::Record)
        .count();
    assert_eq!(records, gate::MOST);
    let rest = gate.due(at(3600));
    assert_eq!(
        rest,
        [Skipped {
            key: None,
            count: 10_000 - 64
        }]
    );
    let longest = SignedDuration::from_hours(3);
    gate.due(at(3600) + longest);
    assert_eq!(gate.take(9999, at(3600) + longest), Admission::Record);
}
