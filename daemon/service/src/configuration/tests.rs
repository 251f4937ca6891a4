use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use backupd_core::config::Catalog;
use tempfile::TempDir;

use super::*;

const REPOSITORY: &str = "url = \"/srv/nas\"\npassword_file = \"/etc/secret\"\n";
const JOB: &str = "# mine\nrepository = \"nas\"\nsources = [\"/home\"]\n";

fn files(contents: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in contents {
        put(directory.path(), file, text);
    }
    directory
}

fn put(directory: &Path, file: &str, text: &str) {
    let file = directory.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn all_faults_of_all_files_come_at_once_and_good_files_stay_in_force() {
    let directory = files(&[
        ("repositories.d/nas.toml", REPOSITORY),
        ("repositories.d/bad.toml", "url = \"nas\"\n"),
        ("jobs.d/home.toml", JOB),
        ("jobs.d/lost.toml", "repository = \"nsa\"\nsources = [\"/x\"]\n"),
        ("jobs.d/broken.toml", "repository = \n"),
        ("jobs.d/bad name.toml", JOB),
        ("jobs.d/home.toml~", "an editor's copy"),
    ]);
    let loaded = load(directory.path(), &Catalog::default(), &AllPrograms);
    assert_eq!(loaded.catalog.jobs.len(), 1);
    assert_eq!(loaded.catalog.repositories.len(), 1);
    for part in [
        "bad.toml:1:7",
        "lost.toml:1:14",
        "broken.toml:1:",
        "bad name.toml",
    ] {
        assert!(
            loaded.faults.iter().any(|fault| fault.to_string().contains(part)),
            "{part}: {:#?}",
            loaded.faults
        );
    }
}

#[test]
fn a_file_with_faults_stays_in_force_as_it_was() {
    let directory = files(&[("repositories.d/nas.toml", REPOSITORY), ("jobs.d/home.toml", JOB)]);
    let before = load(directory.path(), &Catalog::default(), &AllPrograms);
    assert!(before.faults.is_empty(), "{:?}", before.faults);
    put(
        directory.path(),
        "jobs.d/home.toml",
        "repository = \"nas\"\nsources = [\"home\"]\n",
    );
    put(directory.path(), "repositories.d/nas.toml", "url = 1\n");
    let after = load(directory.path(), &before.catalog, &AllPrograms);
    assert_eq!(after.catalog, before.catalog);
    assert!(after.refused.contains(&"home".parse().unwrap()));
    // Also when the fault lies between files: the repository was given another name.
    put(directory.path(), "repositories.d/nas.toml", REPOSITORY);
    put(directory.path(), "jobs.d/home.toml", &JOB.replace("nas", "nsa"));
    let after = load(directory.path(), &before.catalog, &AllPrograms);
    assert_eq!(after.catalog, before.catalog);
    assert!(after.refused.contains(&"home".parse().unwrap()));
    // A file that is gone is gone.
    fs::remove_file(directory.path().join("jobs.d/home.toml")).unwrap();
    assert!(
        load(directory.path(), &before.catalog, &AllPrograms)
            .catalog
            .jobs
            .is_empty()
    );
}

#[test]
fn who_waits_for_a_job_that_is_not_well_is_backed_up_all_the_same() {
    let waits = |name: &str| format!("{JOB}after = [\"{name}\"]\n");
    let directory = files(&[
        ("repositories.d/nas.toml", REPOSITORY),
        ("jobs.d/db.toml", "repository = 1\n"),
        ("jobs.d/home.toml", &waits("db")),
    ]);
    let names = |catalog: &Catalog| catalog.jobs.keys().map(ToString::to_string).collect::<Vec<_>>();
    let broken = load(directory.path(), &Catalog::default(), &AllPrograms);
    assert_eq!(names(&broken.catalog), ["home"]);
    // A new circle: the job that closed it stays as it was, and the other one too.
    put(directory.path(), "jobs.d/db.toml", JOB);
    let sound = load(directory.path(), &broken.catalog, &AllPrograms);
    assert_eq!(
        (names(&sound.catalog), sound.faults.len()),
        (vec!["db".to_owned(), "home".to_owned()], 0)
    );
    put(directory.path(), "jobs.d/db.toml", &waits("home"));
    let circle = load(directory.path(), &sound.catalog, &AllPrograms);
    assert_eq!((circle.catalog, circle.faults.len()), (sound.catalog.clone(), 2));
    // One that is gone is named, and waited for no more.
    fs::remove_file(directory.path().join("jobs.d/db.toml")).unwrap();
    let gone = load(directory.path(), &sound.catalog, &AllPrograms);
    assert_eq!(
        (names(&gone.catalog), gone.faults.len()),
        (vec!["home".to_owned()], 1)
    );
    assert!(gone.refused.contains(&"home".parse().unwrap()));
}

#[test]
fn a_new_file_never_replaces_one_and_a_change_is_whole() {
    let directory = files(&[("jobs.d/home.toml", JOB)]);
    let editor = Editor::new(directory.path().to_owned(), std::sync::Arc::new(AllPrograms));
    let file = directory.path().join("jobs.d/home.toml");
    assert!(matches!(
        editor.create(Kind::Job, &"home", "x = 1"),
        Err(EditError::Exists { .. })
    ));
    assert_eq!(fs::read_to_string(&file).unwrap(), JOB);
    let (text, revision) = editor.read(Kind::Job, &"home").unwrap();
    assert_eq!(text, JOB);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let prepared = editor
        .replace(Kind::Job, &"home", "# other\n", Some(&revision))
        .unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        JOB,
        "not before it is told to"
    );
    prepared.commit().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "# other\n");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600,
        "its mode stays"
    );
    assert!(matches!(
        editor.replace(Kind::Job, &"home", "# lost\n", Some(&revision)),
        Err(EditError::Stale(_))
    ));
    editor.delete(Kind::Job, &"home").unwrap();
    assert!(matches!(
        editor.read(Kind::Job, &"home"),
        Err(EditError::Missing { .. })
    ));
    let left: Vec<_> = fs::read_dir(directory.path().join("jobs.d"))
        .unwrap()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn settings_are_laid_over_one_another_and_a_bad_layer_is_left_out() {
    let directory = files(&[
        ("backupd.toml", "max_parallel_runs = 3\ncancel_grace = \"5s\"\n"),
        ("conf.d/10-more.toml", "max_parallel_runs = 4\n"),
        ("conf.d/20-bad.toml", "max_parallel_runs = 5\nlog = \"loud\"\n"),
    ]);
    let loaded = crate::settings::load(directory.path(), &crate::settings::Layers::new());
    assert_eq!(loaded.settings.max_parallel_runs, 4);
    assert_eq!(loaded.settings.cancel_grace, jiff::SignedDuration::from_secs(5));
    assert_eq!(loaded.faults.len(), 1, "{:?}", loaded.faults);
    assert_eq!(
        (loaded.faults[0].line, loaded.faults[0].column),
        (Some(2), Some(7))
    );
    // Once good, a file stays in force as it was when it goes bad.
    put(directory.path(), "conf.d/20-bad.toml", "max_parallel_runs = 5\n");
    let good = crate::settings::load(directory.path(), &loaded.layers);
    assert_eq!((good.settings.max_parallel_runs, good.faults.len()), (5, 0));
    put(directory.path(), "conf.d/20-bad.toml", "max_parallel_runs = 0\n");
    let bad = crate::settings::load(directory.path(), &good.layers);
    assert_eq!((bad.settings.max_parallel_runs, bad.faults.len()), (5, 1));
}
