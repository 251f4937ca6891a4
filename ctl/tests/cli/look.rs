use insta::assert_snapshot;

use crate::client::{World, said};

#[tokio::test]
async fn colours_come_when_asked_for_and_go_when_refused() {
    let world = World::new().await;
    let colored = world.run(&["jobs", "--color", "always"]).await.stdout;
    assert_snapshot!(colored.replace('\u{1b}', "ESC"), @"
    ESC[1mHEALTHESC[0m      ESC[1mJOBESC[0m   ESC[1mREPOSITORYESC[0m  ESC[1mLAST SUCCESSESC[0m  ESC[1mLAST RESULTESC[0m  ESC[1mNEXTESC[0m   ESC[1mNOWESC[0m
    ESC[32m● okESC[0m        home  nas         2h ago        ESC[32m✓ successESC[0m    in 7h  ESC[36m↻ backup 50 %, 12.0 MiB/s, 1m 25s leftESC[0m
    ESC[1mESC[31m✗ failedESC[0m    mail  nas         2d ago        ESC[1mESC[31m✗ failedESC[0m     –      –
    ESC[2m○ disabledESC[0m  old   usb         never         –            –      –
    ");
    for arguments in [["jobs", "--color", "auto"], ["jobs", "--color", "never"]] {
        assert!(!world.run(&arguments).await.stdout.contains('\u{1b}'));
    }
}

#[tokio::test]
async fn a_plain_locale_gets_plain_symbols() {
    let world = World::new().await;
    let mut command = world.command(&["jobs"]);
    command.env("LC_ALL", "C");
    assert_snapshot!(said(command).await.stdout, @"
    HEALTH      JOB   REPOSITORY  LAST SUCCESS  LAST RESULT  NEXT   NOW
    * ok        home  nas         2h ago        ok success   in 7h  ~ backup 50 %, 12.0 MiB/s, 1m 25s left
    x failed    mail  nas         2d ago        x failed     -      -
    o disabled  old   usb         never         -            -      -
    ");
}

#[tokio::test]
async fn a_narrow_terminal_shortens_the_last_column() {
    let world = World::new().await;
    let mut command = world.command(&["runs"]);
    command.env("COLUMNS", "90");
    let stdout = said(command).await.stdout;
    assert_snapshot!(stdout, @"
    RUN                         JOB   OPERATION  TRIGGER   STARTED  TOOK    RESULT
    01JD3X0000000000000000BUSY  home  backup     schedule  5h ago   5h 3m   ↻ backup 50 %, 12…
    01JD3W00000000000000000BAD  mail  backup     manual    1h ago   2.0s    ✗ failed: the pas…
    01JD3V0000000000000000GOOD  home  backup     manual    2h ago   1m 23s  ✓ success
    ");
}

#[tokio::test]
async fn a_narrow_terminal_leaves_out_what_does_not_change() {
    let world = World::new().await;
    let mut command = world.command(&["jobs"]);
    command.env("COLUMNS", "80");
    assert_snapshot!(said(command).await.stdout, @"
    HEALTH      JOB   LAST SUCCESS  LAST RESULT  NEXT   NOW
    ● ok        home  2h ago        ✓ success    in 7h  ↻ backup 50 %, 12.0 MiB/s, …
    ✗ failed    mail  2d ago        ✗ failed     –      –
    ○ disabled  old   never         –            –      –
    ");
}

#[tokio::test]
async fn text_from_outside_does_not_steer_the_terminal() {
    let world = World::new().await;
    world.fake.state().jobs[1].health_reason = Some("a\u{1b}[2Jb\nc".to_owned());
    world.fake.state().jobs[1].description = Some("x\u{1b}]0;y\u{7}".to_owned());
    let stdout = world.run(&["status", "mail"]).await.stdout;
    assert!(stdout.contains(r"a\x1b[2Jb\nc"), "{stdout}");
    assert!(
        !stdout.contains('\u{1b}') && !stdout.contains('\u{7}'),
        "{stdout}"
    );
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_no_error() {
    let world = World::new().await;
    let mut command = world.command(&["status", "--json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // The exit code is that of the command: some job failed.
    assert!(matches!(output.status.code(), Some(0 | 7)), "{:?}", output.status);
}

#[tokio::test]
async fn long_output_on_a_terminal_goes_through_the_pager() {
    let world = World::new().await;
    let (code, drawn) = world.on_terminal(&["runs"], "").await;
    assert!(
        code == 0 && drawn.contains("paged:") && drawn.contains("\u{1b}["),
        "{drawn:?}"
    );
    let (code, drawn) = world.on_terminal(&["runs", "--no-pager"], "").await;
    assert!(
        code == 0 && !drawn.contains("paged:") && drawn.contains("GOOD"),
        "{drawn:?}"
    );
}
