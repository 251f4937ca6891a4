use backupd_core::condition::Condition::{Online, Unmetered};
use zbus::Variant;

use super::bus::{Bus, Fake};

const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";

async fn manager(bus: &Bus, state: u32, metered: u32) -> Fake {
    let said: &[_] = &[
        ("State", Variant::from(state)),
        ("Connectivity", Variant::from(4_u32)),
        ("Metered", Variant::from(metered)),
    ];
    Fake::new(bus, NAME, [(PATH, said)]).await
}

#[tokio::test]
async fn a_network_comes_and_goes() {
    let bus = Bus::new();
    let manager = manager(&bus, 70, 2).await;
    let mut scene = bus.scene().await;
    scene.want([Online]);
    scene.holds(&Online).await;
    for (without, with) in [(20_u32, 50_u32), (10, 60), (40, 70), (30, 0)] {
        manager.say(PATH, NAME, "State", without.into()).await;
        scene.fails(&Online, "no network").await;
        manager.say(PATH, NAME, "State", with.into()).await;
        scene.holds(&Online).await;
    }
    manager.say(PATH, NAME, "Connectivity", 2_u32.into()).await;
    scene
        .fails(&Online, "on a network that wants a log-in first")
        .await;
    manager.say(PATH, NAME, "Connectivity", 3_u32.into()).await;
    scene.holds(&Online).await;
}

#[tokio::test]
async fn a_network_is_metered_or_not() {
    let bus = Bus::new();
    let manager = manager(&bus, 70, 1).await;
    let mut scene = bus.scene().await;
    scene.want([Unmetered]);
    scene.fails(&Unmetered, "on a metered network").await;
    for (free, metered) in [(2_u32, 3_u32), (4, 1), (0, 3), (77, 1)] {
        manager.say(PATH, NAME, "Metered", free.into()).await;
        scene.holds(&Unmetered).await;
        manager.say(PATH, NAME, "Metered", metered.into()).await;
        scene.fails(&Unmetered, "on a metered network").await;
    }
    manager.say(PATH, NAME, "Metered", "very".into()).await;
    scene.holds(&Unmetered).await;
}

#[tokio::test]
async fn networkd_is_asked_where_there_is_no_network_manager() {
    let (name, path, interface) = (
        "org.freedesktop.network1",
        "/org/freedesktop/network1",
        "org.freedesktop.network1.Manager",
    );
    let bus = Bus::new();
    let said: &[_] = &[("OperationalState", Variant::from("no-carrier"))];
    let networkd = Fake::new(&bus, name, [(path, said)]).await;
    let mut scene = bus.scene().await;
    scene.want([Online, Unmetered]);
    scene.fails(&Online, "no network").await;
    networkd
        .say(path, interface, "OperationalState", "routable".into())
        .await;
    scene.holds(&Online).await;
    networkd
        .say(path, interface, "OperationalState", "degraded".into())
        .await;
    scene.fails(&Online, "no network").await;
    // It knows better.
    let manager = manager(&bus, 70, 3).await;
    scene.fails(&Unmetered, "on a metered network").await;
    manager.end().await;
    scene.fails(&Online, "no network").await;
    networkd.end().await;
    scene.holds(&Online).await;
}
