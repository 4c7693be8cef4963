//! The program as its users meet it: arguments in; text, files and exit codes out.

mod bad_input;
mod compile;
mod cores;
mod digests;
mod documents;
mod explore;
mod fit;
mod help_examples;
mod kernels;
mod names;
mod outputs;
mod published;
mod readmes;
mod shipped;
mod signals;
mod simulate;
mod streams;
mod support;
mod validate;
