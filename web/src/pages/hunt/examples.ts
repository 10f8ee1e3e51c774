// Queries to begin with.

/** Example is a query with what it answers. */
export interface Example {
  words: string;
  query: string;
}

export const examples: readonly Example[] = [
  { words: 'What was downloaded, by whom, and how often?', query: 'process\n| where activity == "launch" and executable_name in ("curl", "wget")\n| summarize count() by host.name, user.name, command_line\n| sort by count_ desc' },
  { words: 'Which programs ran from places where none belong?', query: 'process\n| where activity == "launch"\n| where executable startswith "/tmp/" or executable startswith "/dev/shm/" or executable startswith "/var/tmp/"\n| project time, host.name, user.name, command_line' },
  { words: 'Who failed to log on, and from where?', query: 'authentication\n| where status == "failure"\n| summarize count(), make_set(user.name) by remote.address\n| top 20 by count_' },
  { words: 'To which addresses outside do hosts connect?', query: 'network\n| where activity == "open" and not (remote.address in_cidr "10.0.0.0/8")\n| summarize count(), make_set(executable) by remote.address, remote.port\n| sort by count_ desc' },
  { words: 'Which programs does one host alone run?', query: 'process\n| where activity == "launch"\n| summarize hosts = dcount(host), count() by executable\n| where hosts == 1\n| sort by count_ asc' },
  { words: 'What was changed below /etc?', query: 'file\n| where file.path startswith "/etc/"\n| project time, host.name, activity, executable, file.path' },
];
