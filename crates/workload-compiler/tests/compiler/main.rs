//! Tests of the compiler as its users see it.

mod files;
mod formats;
mod hazards;
mod hugging_face;
mod laws;
mod presets;
mod runs;
mod support;
