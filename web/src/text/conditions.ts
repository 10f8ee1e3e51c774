// What to do about what the server says is wrong with it.

const advice: Record<string, string> = {
  starting: 'Wait: it takes seconds, after a crash up to minutes. The log of holdfast-server says what it waits for.',
  database_unavailable: 'See that the database runs and that its disk has room. Agents and the stream keep what comes until it answers.',
  stream_disconnected: 'See that the NATS servers of the configuration run and are reached from here. It connects again by itself.',
  stream_unavailable: 'The log of holdfast-server says why. Where it names the disk, make room; a restart opens the stream anew and loses nothing.',
  stream_disk_full: 'What the agents keep they send by themselves then.',
  stream_full: 'Where ingestion is said to stall too, mend that first. Otherwise raise stream_bytes in the configuration.',
  stream_filling: 'A burst passes by itself. Where it lasts, give the server more cores, or lower what hosts send by policy.',
  ingest_stalled: 'Mend what it names: mostly a full disk or a database that does not answer.',
  rules_refused: 'Mend the file that it names, check with “holdfast rules check FILE”, then “systemctl reload holdfast-server”.',
  rule_documents_left_out: 'Open what it names under Rules, Documents: what is wrong stands at its line. Then save it again.',
  policies_refused: 'Set other policies under Settings, Policies.',
  certificate: 'Put a certificate and key that fit into their places; they are taken over by themselves.',
  certificate_expires: '',
  revocation_limited: 'Set outside_stream.system_credentials_file and operator_seed_file in the configuration. Until then what a revoked host sends is refused here.',
};

/** conditionAdvice says what to do about a condition of the server; a general word for one that is not known here. */
export const conditionAdvice = (code: string): string => (Object.hasOwn(advice, code) ? (advice[code] ?? '') : 'The log of holdfast-server says more.');
