//! The real binary, over real sockets.

mod blocks;
mod conditions;
mod conform;
mod decode;
mod demo;
mod dry_run;
mod exit_codes;
mod failures;
mod fake;
mod input;
mod observe;
mod serve;
mod support;
mod trace;
mod verbs;
