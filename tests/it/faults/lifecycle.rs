//! Start, drain, stop, and two versions side by side.
