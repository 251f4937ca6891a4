mod policy;
mod polkit;
mod scene;
