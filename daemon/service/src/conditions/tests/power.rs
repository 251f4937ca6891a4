use backupd_core::condition::Condition::{AcPower, BatteryAbove};
use zbus::Variant;

use super::bus::{Bus, Fake};

const NAME: &str = "org.freedesktop.UPower";
const MACHINE: &str = "/org/freedesktop/UPower";
const BATTERY: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";

async fn upower(bus: &Bus, on_battery: bool, percent: f64) -> Fake {
    let machine: &[_] = &[("OnBattery", Variant::from(on_battery))];
    let battery: &[_] = &[
        ("IsPresent", Variant::from(true)),
        ("Percentage", Variant::from(percent)),
    ];
    Fake::new(bus, NAME, [(MACHINE, machine), (BATTERY, battery)]).await
}

#[tokio::test]
async fn mains_power_comes_and_goes() {
    let bus = Bus::new();
    let upower = upower(&bus, true, 80.0).await;
    let mut scene = bus.scene().await;
    scene.want([AcPower]);
    scene.fails(&AcPower, "on battery power").await;
    upower.say(MACHINE, NAME, "OnBattery", false.into()).await;
    scene.holds(&AcPower).await;
    upower.say(MACHINE, NAME, "OnBattery", true.into()).await;
    scene.fails(&AcPower, "on battery power").await;
}

#[tokio::test]
async fn a_battery_is_above_a_level_or_not() {
    let bus = Bus::new();
    let upower = upower(&bus, true, 40.9).await;
    let mut scene = bus.scene().await;
    let (low, high) = (BatteryAbove(40), BatteryAbove(41));
    scene.want([low.clone(), high.clone()]);
    let told = scene.next().await;
    assert_eq!(told[&low], backupd_core::condition::Standing::Holds);
    assert_ne!(told[&high], backupd_core::condition::Standing::Holds);
    upower.say(BATTERY, DEVICE, "Percentage", 40.0.into()).await;
    scene.fails(&low, "on battery power, at 40 %").await;
    upower.say(BATTERY, DEVICE, "Percentage", 55.5.into()).await;
    scene.holds(&high).await;
    upower.say(BATTERY, DEVICE, "Percentage", 3.0.into()).await;
    scene.fails(&high, "on battery power, at 3 %").await;
    upower.say(MACHINE, NAME, "OnBattery", false.into()).await;
    scene.holds(&high).await;
}

#[tokio::test]
async fn a_service_that_ends_and_begins_anew_is_asked_again() {
    let bus = Bus::new();
    let mut scene = bus.scene().await;
    scene.want([AcPower]);
    // Nobody is there who could tell.
    scene.holds(&AcPower).await;
    let first = upower(&bus, true, 80.0).await;
    scene.fails(&AcPower, "on battery power").await;
    first.end().await;
    scene.holds(&AcPower).await;
    let _second = upower(&bus, true, 80.0).await;
    scene.fails(&AcPower, "on battery power").await;
}

#[tokio::test]
async fn nonsense_holds_nobody_up() {
    let bus = Bus::new();
    let upower = upower(&bus, true, 10.0).await;
    let mut scene = bus.scene().await;
    let level = BatteryAbove(50);
    scene.want([level.clone()]);
    scene.fails(&level, "on battery power, at 10 %").await;
    for nonsense in [
        Variant::from(f64::NAN),
        Variant::from(-1.0),
        Variant::from(1e300),
        Variant::from("full"),
    ] {
        upower.say(BATTERY, DEVICE, "Percentage", nonsense).await;
        scene.holds(&level).await;
        upower.say(BATTERY, DEVICE, "Percentage", 10.0.into()).await;
        scene.fails(&level, "on battery power, at 10 %").await;
    }
    upower.say(BATTERY, DEVICE, "IsPresent", false.into()).await;
    scene.holds(&level).await;
    upower.say(BATTERY, DEVICE, "IsPresent", true.into()).await;
    scene.fails(&level, "on battery power, at 10 %").await;
    upower.say(MACHINE, NAME, "OnBattery", 1_u32.into()).await;
    scene.holds(&level).await;
}

#[tokio::test]
async fn a_service_that_does_not_answer_holds_nobody_up() {
    let bus = Bus::new();
    let mut upower = upower(&bus, true, 10.0).await;
    let mut scene = bus.scene().await;
    scene.want([AcPower]);
    scene.fails(&AcPower, "on battery power").await;
    upower.hang();
    upower.say(MACHINE, NAME, "OnBattery", true.into()).await;
    upower.asked().await;
    // From here on time passes as soon as everybody waits.
    tokio::time::pause();
    scene.holds(&AcPower).await;
}

#[tokio::test]
async fn what_nobody_wants_is_not_asked_for() {
    let bus = Bus::new();
    let upower = upower(&bus, true, 10.0).await;
    let mut scene = bus.scene().await;
    scene.want([AcPower]);
    scene.fails(&AcPower, "on battery power").await;
    scene.want([]);
    upower.say(MACHINE, NAME, "OnBattery", false.into()).await;
    scene.want([AcPower, BatteryAbove(5)]);
    // The same as before for one, and told all the same.
    scene.holds(&AcPower).await;
    scene.want([AcPower]);
    scene.want([]);
    scene.want([AcPower]);
    scene.holds(&AcPower).await;
    assert!(scene.is_quiet());
}
