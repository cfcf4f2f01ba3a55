//! Files of this machine as a tar archive, and back.
