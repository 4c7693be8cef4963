//! ternion
fn main() {}
