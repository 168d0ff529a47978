"""The archive: what runs leave behind; journals and outputs while they last, records, contents, names and differences after."""
