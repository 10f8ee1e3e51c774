// Queries to begin with.

/** Example is a query with what it answers. */
export interface Example {
  words: string;
  query: string;
}

export const examples: readonly Example[] = [
  { words: 'What was downloaded, by whom, and how often?', query: 'process\n| where process.command_line contains "curl" or process.command_line contains "wget"\n| summarize count() by host, user, process.command_line\n| sort by count_ desc' },
  { words: 'Which programs ran from places where none belong?', query: 'process\n| where process.executable startswith "/tmp/" or process.executable startswith "/dev/shm/" or process.executable startswith "/var/tmp/"\n| project time, host, user, process.command_line' },
  { words: 'Who failed to log on, and from where?', query: 'authentication\n| where status == "failure"\n| summarize count(), dcount(user) by source.address\n| top 20 by count_' },
  { words: 'To which addresses outside do hosts connect?', query: 'network\n| where not (remote.address in_cidr "10.0.0.0/8")\n| summarize count(), make_set(process.executable) by remote.address, remote.port\n| sort by count_ desc' },
  { words: 'What is seen on one host only?', query: 'process\n| summarize dcount(host), count() by process.executable\n| where dcount_host == 1\n| sort by count_ asc' },
  { words: 'What was changed below /etc?', query: 'file\n| where file.path startswith "/etc/"\n| project time, host, process.executable, file.path' },
];
