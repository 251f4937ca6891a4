use backupd_dbus::Error;
use insta::assert_snapshot;

use crate::{client::World, fake::Answer, fixtures::SNAPSHOT};

fn snapshots(repository: &str, time: &str) -> Answer {
    Answer::Lines(format!(
        "{{\"id\":\"{SNAPSHOT}\",\"time\":\"{time}\",\"job\":\"home\",\"repository\":\"{repository}\",\
         \"host\":\"laptop\",\"paths\":[\"/home\",\"/etc\"],\"tags\":[\"daily\"],\"description\":null,\"parent\":null,\
         \"program\":\"backupd 0.1.0\",\"files\":1234,\"bytes\":5000000000,\"bytes_stored\":123456}}\n"
    ))
}

#[tokio::test]
async fn snapshots_of_all_repositories_are_listed() {
    let world = World::new().await;
    world
        .fake
        .answer("OpenSnapshots nas", snapshots("nas", "2025-11-02T01:00:00Z"));
    world
        .fake
        .answer("OpenSnapshots usb", snapshots("usb", "2025-11-01T01:00:00Z"));
    let said = world.shown(&["snapshots"]).await;
    // The age depends on the day.
    let said: Vec<String> = said
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(said.len(), 3);
    assert_eq!(
        said[0],
        "SNAPSHOT TIME AGE JOB REPOSITORY HOST FILES SIZE ADDED PATHS"
    );
    assert!(said[1].starts_with("4f5e6a7b <time> "), "{said:?}");
    assert!(
        said[1].ends_with(" ago home usb laptop 1 234 4.7 GiB 120.6 KiB /home, /etc [daily]"),
        "{said:?}"
    );
    assert!(said[2].contains(" home nas laptop "), "{said:?}");
}

#[tokio::test]
async fn a_repository_that_fails_does_not_hide_the_others() {
    let world = World::new().await;
    world
        .fake
        .answer("OpenSnapshots nas", snapshots("nas", "2025-11-02T01:00:00Z"));
    world.fake.answer(
        "OpenSnapshots usb",
        Answer::Error(Error::RepositoryNotFound("nothing at `/media/usb`".into())),
    );
    let said = world.run(&["snapshots", "--json"]).await;
    assert_eq!(said.code, 1);
    assert_snapshot!(said.whole(), @r#"
    {
      "version": 1,
      "snapshots": [
        {
          "id": "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091",
          "time": "<time>",
          "job": "home",
          "adopted": false,
          "repository": "nas",
          "host": "laptop",
          "paths": [
            "/home",
            "/etc"
          ],
          "tags": [
            "daily"
          ],
          "description": null,
          "parent": null,
          "program": "backupd 0.1.0",
          "files": 1234,
          "bytes": 5000000000,
          "bytes_stored": 123456,
          "pinned": false,
          "pinned_until": null,
          "expires": null,
          "note": null
        }
      ]
    }
    --- stderr
    {"version":1,"error":{"name":"RepositoryNotFound","message":"repository `usb`: nothing at `/media/usb`","hint":null}}
    --- exit 1
    "#);
}

#[tokio::test]
async fn filters_go_to_the_daemon() {
    let world = World::new().await;
    world.fake.answer("OpenSnapshots", Answer::Lines(String::new()));
    assert_snapshot!(world.shown(&["snapshots", "home", "--host", "h", "--tag", "a", "--tag", "b"]).await, @"
    --- stderr
    there are no snapshots that match
    ");
    let call = world.fake.calls().pop().unwrap();
    for part in [
        "OpenSnapshots nas",
        "\"job\": <\"home\">",
        "\"host\": <\"h\">",
        "\"tags\": <[\"a\", \"b\"]>",
    ] {
        assert!(call.contains(part), "{part}: {call}");
    }
}

const LISTING: &str = r#"{"path":"/home/me","kind":"directory","size":0,"modified":"2026-11-01T10:00:00Z","mode":493,"uid":1000,"gid":1000,"user":"me","group":"me","target":null}
{"path":"/home/me/a\u001b[2J","kind":"file","size":123456,"modified":"2026-11-01T10:00:00Z","mode":420,"uid":1000,"gid":1000,"user":null,"group":null,"target":null}
{"path":"/home/me/l","kind":"symlink","size":0,"modified":null,"mode":511,"uid":0,"gid":0,"user":"root","group":"root","target":"a"}
"#;

#[tokio::test]
async fn files_of_a_snapshot_are_listed() {
    let world = World::new().await;
    world
        .fake
        .answer("OpenListing", Answer::Lines(LISTING.to_owned()));
    assert_snapshot!(world.shown(&["ls", "latest", "/home/me", "--job", "home"]).await, @r"
    /home/me/
    /home/me/a\x1b[2J
    /home/me/l
    ");
    assert_snapshot!(world.shown(&["ls", "4f5e", "--repository", "nas", "-R", "-l"]).await, @r"
    drwxr-xr-x  me    me            –  <time>  /home/me
    -rw-r--r--  1000  1000  120.6 KiB  <time>  /home/me/a\x1b[2J
    lrwxrwxrwx  root  root          –  –                    /home/me/l → a
    ");
    let calls = world.fake.calls();
    assert!(
        calls[0].starts_with("OpenListing nas \"latest\" {") && calls[0].contains("\"job\": <\"home\">"),
        "{calls:?}"
    );
    assert_eq!(calls[1], "OpenListing nas \"4f5e\" {\"recursive\": <true>}");
    let json = world
        .run(&["ls", "latest", "--job", "home", "--json"])
        .await
        .json();
    assert_eq!(json["entries"][1]["size"], 123_456);
}

#[tokio::test]
async fn where_to_look_must_be_plain() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["ls", "latest"]).await, @"
    --- stderr
    error: the latest snapshot of which job? give `--job`
    hint: there are the jobs `home`, `mail` and `old`
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["ls", "4f5e"]).await, @"
    --- stderr
    error: a snapshot of which repository? give `--repository`
    hint: there are the repositories `nas` and `usb`
    --- exit 2
    ");
    world.fake.state().jobs.truncate(1);
    world.fake.answer("OpenListing", Answer::Lines(String::new()));
    assert_eq!(world.run(&["ls", "latest"]).await.code, 0);
}
