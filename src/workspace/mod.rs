//! A folder that is worked in: a session's `/workspace`, or a directory of the host.
//!
//! Files are listed, read, saved and watched the same way in both; text that was typed and not yet saved is
//! kept aside as a draft.
