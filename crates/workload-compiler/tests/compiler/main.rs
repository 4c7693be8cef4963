//! Tests of the compiler as its users see it.

mod files;
mod formats;
mod hugging_face;
mod laws;
mod presets;
mod runs;
mod support;
