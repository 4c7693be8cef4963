//! The program as its users meet it: arguments in; text, files and exit codes out.

mod bad_input;
mod compile;
mod cores;
mod documents;
mod explore;
mod kernels;
mod published;
mod shipped;
mod simulate;
mod support;
mod validate;
