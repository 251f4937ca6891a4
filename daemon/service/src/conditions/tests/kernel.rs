use std::fs;

use backupd_core::condition::Condition::{FreeMemory, LoadBelow};

use super::{Scene, kernel};

#[tokio::test(start_paused = true)]
async fn load_and_memory_are_looked_at_again() {
    let directory = tempfile::tempdir().unwrap();
    let say = |load: &str, available: u32| {
        fs::write(
            directory.path().join("loadavg"),
            format!("{load} 1.00 1.00 1/2 3\n"),
        )
        .unwrap();
        let memory = format!("MemTotal: 9 kB\nMemAvailable:    {available} kB\n");
        fs::write(directory.path().join("meminfo"), memory).unwrap();
    };
    say("4.00", 1023);
    let mut scene = Scene::new(kernel(directory.path()));
    let (load, memory) = (LoadBelow(400), FreeMemory(1 << 20));
    scene.want([load.clone(), memory.clone()]);
    scene.fails(&load, "a load of 4.0").await;
    say("3.99", 1023);
    scene.holds(&load).await;
    say("3.99", 1024);
    scene.holds(&memory).await;
    say("17.27", 3);
    let told = scene.next().await;
    assert_eq!(told[&load], super::super::teller::fails(&load, "a load of 17.3"));
    assert_eq!(
        told[&memory],
        super::super::teller::fails(&memory, "less than 1 MiB of free memory")
    );
    // Of a kernel that says nothing nobody can tell.
    fs::remove_file(directory.path().join("loadavg")).unwrap();
    scene.holds(&load).await;
    // Time passes while we wait, and nobody looks.
    scene.want([]);
    let told = tokio::time::timeout(std::time::Duration::from_hours(1), scene.messages.recv()).await;
    assert!(told.is_err());
}
