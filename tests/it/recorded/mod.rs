//! Recorded traffic as the referee of reading and comparing.
