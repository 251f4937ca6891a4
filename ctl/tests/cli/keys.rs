//! Keys of a repository.

use insta::assert_snapshot;

use crate::{client::World, fake::Answer};

fn key(id: &str, user: &str, current: bool, damaged: bool) -> String {
    let created = (!damaged).then_some("2026-11-01T02:00:00Z");
    let key = serde_json::json!({
        "id": id.repeat(32), "current": current, "host": if user.is_empty() { "" } else { "safe" }, "user": user,
        "created": created, "damaged": damaged,
    });
    format!("{key}\n")
}

#[tokio::test]
async fn keys_are_shown_with_the_one_in_use_and_what_opens_nothing() {
    let world = World::new().await;
    let keys = [
        key("a1", "", true, false),
        key("a2", "alice", false, false),
        key("b3", "", false, true),
    ];
    world.fake.answer("OpenKeys", Answer::Lines(keys.concat()));
    assert_snapshot!(world.shown(&["repository", "key", "list", "nas"]).await, @"
    KEY       CREATED              BY          STATE
    a1a1a1a1  <time>  somebody    in use by backupd
    a2a2a2a2  <time>  alice@safe
    b3b3b3b3  –                    somebody    damaged
    ");
    let json = world
        .run(&["repository", "key", "list", "nas", "--json"])
        .await
        .json();
    assert_eq!(
        (&json["version"], &json["keys"][1]["user"]),
        (&1.into(), &"alice".into())
    );
    assert_eq!(world.run(&["repository", "key", "list", "nsa"]).await.code, 6);
}

#[tokio::test]
async fn a_key_is_removed_only_where_it_is_clear_which_and_not_in_use() {
    let world = World::new().await;
    let keys = [key("a1", "", true, false), key("a2", "alice", false, false)];
    world.fake.answer("OpenKeys", Answer::Lines(keys.concat()));
    world.fake.answer("RemoveKey", Answer::Lines(keys[1].clone()));
    for (id, code, says) in [
        ("a", 2, "the ids of several keys begin with `a`"),
        ("", 6, "no id of a key begins with"),
        ("c", 6, "no id of a key begins with `c`"),
        ("a1", 1, "is the one that backupd opens `nas` with"),
    ] {
        let said = world
            .run(&["repository", "key", "remove", "nas", id, "--yes"])
            .await;
        assert_eq!(said.code, code, "{id}: {}", said.stderr);
        assert!(said.stderr.contains(says), "{id}: {}", said.stderr);
    }
    assert_snapshot!(world.shown(&["repository", "key", "remove", "nas", "a2", "--yes"]).await, @"removed the key a2a2a2a2 of alice@safe");
}
