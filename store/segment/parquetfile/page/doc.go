// Package page reads the pages of Parquet files into memory, and trusts none
// of them.
//
// The library that writes the files also reads them, but believes the numbers
// that it finds: a few bytes can make it allocate gigabytes or recurse without
// end, which no caller can recover from. So what a file claims is checked here
// before anything is allocated for it: [CheckFooter] walks the footer before
// the library sees it, and [Reader] decodes pages itself, as far as segments
// use the format (data pages of version 2, zstd, and five encodings). What is
// left of the library are decoders of which the output is known in advance.
//
// A [Page] keeps values as they lie in the file: no value is copied that is
// not asked for, and the texts of a dictionary are made once.
//
// Bounds: a footer has at most 32 MiB and two million list items, a page
// [MaxBytes] and [MaxValues]. A Reader holds one page of one column, and what
// of its buffers is small enough to be used again.
package page
