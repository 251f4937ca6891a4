//! `backupctl audit verify`: the client verifies, for the daemon and its store are what is in doubt.

use std::collections::HashMap;

use backupd_core::audit::{Broken, Comparer, Comparison, Head, Verifier};
use backupd_dbus::AUDIT_MESSAGE_ID;
use serde::Serialize;

use super::{Context, journal, read};
use crate::{
    errors::{Done, Failure, SUCCESS},
    output::{Output, human, json::Document},
};

/// What came of it.
struct Findings {
    records: u64,
    chain: Result<Head, Broken>,
    /// Or why there is nothing to compare with.
    journal: Result<Comparison, String>,
}

pub(super) async fn run(context: &Context<'_>) -> Done {
    let mut verifier = Some(Verifier::new());
    let mut broken = None;
    let mut comparer = Comparer::default();
    let mut records = 0;
    for sealed in read(context, &HashMap::new()).await? {
        let sealed = sealed?;
        records += 1;
        comparer.record(&sealed);
        // After the first broken record the chain says nothing more.
        if let Some(at_work) = &mut verifier
            && let Err(found) = at_work.take(&sealed)
        {
            broken = Some(found);
            verifier = None;
        }
    }
    let chain = match (verifier, broken) {
        (Some(verifier), None) => verifier.finish(),
        (_, Some(broken)) => Err(broken),
        (None, None) => return Err(Failure::internal("the audit log was not verified")),
    };
    let journal = journal::read(context.scope, &mut comparer).map(|_| comparer.finish());
    let findings = Findings {
        records,
        chain,
        journal,
    };
    findings.tell(context.output)
}

impl Findings {
    /// The first record that is not as it was written, and why.
    fn first(&self) -> Option<(u64, String)> {
        let chain = self.chain.as_ref().err();
        let chain = chain.map(|broken| (broken.seq, broken.to_string()));
        let journal = self.journal.as_ref().ok();
        let journal = journal.and_then(|found| found.difference.as_ref());
        let journal = journal.map(|difference| (difference.seq(), difference.to_string()));
        match (chain, journal) {
            (Some(chain), Some(journal)) if journal.0 < chain.0 => Some(journal),
            (chain, journal) => chain.or(journal),
        }
    }

    fn tell(&self, output: &Output) -> Done {
        let first = self.first();
        let failed = backupd_dbus::ExitCode::Failed;
        if output.json {
            output.document(&Document::new("audit-verification", self.shape(first.is_none())))?;
            return Ok(first.map_or(SUCCESS, |_| failed as u8));
        }
        let whole = match &self.chain {
            Ok(head) => format!(
                "{}: the chain is whole; the last hash is {}",
                human::counted(self.records, "record"),
                head.hash
            ),
            Err(_) => format!("{}: the chain is broken", human::counted(self.records, "record")),
        };
        output.line(whole)?;
        output.lines(self.compared())?;
        let Some((seq, why)) = first else {
            return Ok(SUCCESS);
        };
        Err(Failure::new("AuditBroken", failed, why).hint(format!(
            "somebody changed the store; what the journal has: `journalctl -a -o verbose MESSAGE_ID={AUDIT_MESSAGE_ID} \
             BACKUPD_AUDIT_SEQ={seq}`"
        )))
    }

    /// What was compared with the journal, and what was not.
    fn compared(&self) -> Vec<String> {
        let found = match &self.journal {
            Ok(found) => found,
            Err(why) => {
                return vec![format!(
                    "not compared: {why}; that nobody cut off the end, or computed all hashes anew, only a copy shows"
                )];
            }
        };
        let mut lines = vec![format!(
            "{} the same in the journal",
            match found.compared {
                1 => "1 record is".to_owned(),
                number => format!("{} records are", human::count(number)),
            }
        )];
        if found.without_copy > 0 {
            let oldest = found.oldest_copy.map_or_else(
                || "it has none of this log".to_owned(),
                |seq| format!("its oldest is record {seq}"),
            );
            lines.push(format!(
                "not compared: {} not in the journal; {oldest}",
                match found.without_copy {
                    1 => "1 record is".to_owned(),
                    number => format!("{} records are", human::count(number)),
                }
            ));
        }
        lines
    }

    fn shape(&self, good: bool) -> Shape<'_> {
        let chain = match &self.chain {
            Ok(head) => Chain {
                good: true,
                log: Some(&head.log),
                last: Some(head.seq),
                hash: Some(&head.hash),
                broken: None,
            },
            Err(broken) => Chain {
                good: false,
                log: None,
                last: None,
                hash: None,
                broken: Some(Fault {
                    record: broken.seq,
                    kind: broken.kind.as_str(),
                    message: broken.to_string(),
                }),
            },
        };
        let found = self.journal.as_ref().ok();
        let journal = Journal {
            good: found.map(|found| found.difference.is_none()),
            compared: found.map_or(0, |found| found.compared),
            not_compared: found.map_or(self.records, |found| found.without_copy),
            oldest: found.and_then(|found| found.oldest_copy),
            unavailable: self.journal.as_ref().err().map(String::as_str),
            difference: found
                .and_then(|found| found.difference.as_ref())
                .map(|difference| Fault {
                    record: difference.seq(),
                    kind: difference.as_str(),
                    message: difference.to_string(),
                }),
        };
        Shape {
            good,
            records: self.records,
            chain,
            journal,
        }
    }
}

#[derive(Serialize)]
struct Shape<'a> {
    good: bool,
    records: u64,
    chain: Chain<'a>,
    journal: Journal<'a>,
}

#[derive(Serialize)]
struct Chain<'a> {
    good: bool,
    log: Option<&'a str>,
    last: Option<u64>,
    hash: Option<&'a str>,
    broken: Option<Fault>,
}

#[derive(Serialize)]
struct Journal<'a> {
    /// Nothing where nothing could be compared.
    good: Option<bool>,
    compared: u64,
    not_compared: u64,
    oldest: Option<u64>,
    unavailable: Option<&'a str>,
    difference: Option<Fault>,
}

#[derive(Serialize)]
struct Fault {
    record: u64,
    kind: &'static str,
    message: String,
}
