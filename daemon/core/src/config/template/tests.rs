use std::path::Path;

use super::*;
use crate::config::{Job, edit::render_job, parse_job};

fn job_of(template: Template, home: Option<&Path>, change: impl FnOnce(&mut JobDraft)) -> Job {
    let mut draft = JobDraft {
        repository: Some("nas".parse().unwrap()),
        ..JobDraft::default()
    };
    change(&mut draft);
    template.fill(&mut draft, home);
    let text = render_job(&draft);
    let parsed = parse_job(Path::new("x.toml"), &"x".parse().unwrap(), &text);
    parsed.unwrap_or_else(|faults| panic!("{text}\n{faults:#?}"))
}

#[test]
fn every_template_makes_a_job_that_starts_by_itself_and_lets_go() {
    for (word, template) in Template::WORDS {
        assert_eq!(word.parse(), Ok(template));
        for home in [None, Some(Path::new("/home/alice"))] {
            let job = job_of(template, home, |_| ());
            assert!(!job.schedules.is_empty(), "{word}");
            assert!(job.retention.unwrap().let_go(), "{word}");
            assert!(
                !(job.sources.is_empty() && job.optional_sources.is_empty()),
                "{word}"
            );
        }
    }
    assert_eq!("hme".parse::<Template>(), Err(UnknownTemplate));
}

#[test]
fn a_template_is_of_the_person_or_of_the_machine() {
    let alice = Some(Path::new("/home/alice"));
    assert_eq!(
        job_of(Template::Home, alice, |_| ()).sources,
        [Path::new("/home/alice")]
    );
    assert_eq!(job_of(Template::Home, None, |_| ()).sources, [Path::new("/home")]);
    let documents = job_of(Template::Documents, alice, |_| ());
    assert!(
        documents
            .optional_sources
            .contains(&"/home/alice/Documents".into())
    );
    assert!(documents.triggers.path_change.is_some());
    assert!(job_of(Template::System, None, |_| ()).triggers.package_upgrade);
}

#[test]
fn what_is_said_wins_over_the_template() {
    let job = job_of(Template::Home, None, |draft| {
        draft.sources = vec!["/data".to_owned()];
        draft.schedule = vec!["03:00".to_owned()];
        draft.retention = Some(Rules {
            keep_last: 3,
            ..Rules::default()
        });
        draft.description = Some("mine".to_owned());
        draft.exclude_caches = Some(false);
    });
    assert_eq!(job.sources, [Path::new("/data")]);
    assert!(job.optional_sources.is_empty());
    assert_eq!(job.schedules[0].text, "03:00");
    assert_eq!(job.retention.unwrap().keep_last, 3);
    assert_eq!(job.description.as_deref(), Some("mine"));
    assert!(!job.exclude_caches);
}
