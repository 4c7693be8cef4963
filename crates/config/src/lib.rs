//! RON files as an architect writes them: typed quantities, errors that point, overrides by path.

mod field;

pub use field::FieldError;
