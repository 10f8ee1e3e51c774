// Types of the REST interface as far as the console uses them.

export interface components {
  schemas: {
    Problem: { type?: string; title?: string; status?: number; detail?: string; errors?: { message?: string; location?: string }[] | null };
    User: {
      name: string; full_name: string; role: 'reader' | 'responder' | 'approver' | 'admin'; disabled: boolean; external: boolean;
      created_time: string; last_logon_time: string; version: number;
    };
    Session: { user: components['schemas']['User']; csrf: string; expires_time: string };
    LoginOptions: { local: boolean; oidc: boolean; oidc_name: string; version: string };
    Rule: { uid: string; title: string; author?: string; path?: string };
    Match: { field: string; value: string; condition: string; selection: string; event: number };
    Account: { uid: number; name?: string };
    File: {
      path: string; new_path?: string; sha256?: string; package?: string; size?: number; mode?: number; uid?: number;
      inode?: number; device?: number; changed_time?: string; kind?: string; owned?: string; truncated?: boolean;
    };
    EntryPoint: { kind?: string; address?: string; user?: string; unit?: string };
    Process: {
      uid: string; pid: number; parent?: components['schemas']['Process']; ppid?: number; name?: string;
      file?: components['schemas']['File']; cmd_line?: string; args?: string[]; args_truncated?: boolean;
      working_directory?: string; script?: string; created_time: string; executed_time: string;
      user: components['schemas']['Account']; effective_user?: components['schemas']['Account']; login_user?: components['schemas']['Account'];
      session?: number; tty?: string; entry_point: components['schemas']['EntryPoint'];
      container?: { uid: string; runtime?: string; name?: string; image?: string };
      descriptors?: { fd: number; kind: string; target?: string }[]; environment?: string[];
    };
    Event: {
      time: string; class_name: string; class_uid: number; activity_name: string; status: string; source?: string; host?: string;
      serial?: number; count?: number; end_time?: string;
      process?: components['schemas']['Process']; target_process?: components['schemas']['Process'];
      user?: components['schemas']['Account']; group?: { gid: number; name?: string }; file?: components['schemas']['File'];
      logon?: { service?: string; method?: string; src_ip?: string; src_port?: number; src_host?: string; terminal?: string; unknown_user?: boolean; command?: string };
      network?: { protocol: string; direction?: string; src_endpoint: string; dst_endpoint: string; inode?: number; bytes_out?: number; bytes_in?: number };
      kernel?: { name?: string; type?: string; syscall?: string; device?: string; args?: string[]; request?: string; adjusted_ns?: number; capabilities?: string[] };
      exit?: { code: number; signal?: string }; audit_key?: string; message?: string;
      records?: { type: string; fields?: { name: string; value: string }[] }[];
    };
    Triage: { status: 'open' | 'acknowledged' | 'resolved' | 'dismissed'; assignee: string; triage_time: string; triage_by: string; version: number };
    Summary: {
      uid: string; alert_type: string; title: string; severity: 'informational' | 'low' | 'medium' | 'high'; host: string; host_name: string;
      time: string; last_time: string; count: number; description: string; tactics: string[]; rule_uid: string;
    } & components['schemas']['Triage'];
    Case: {
      uid: string; alert_type: string; title: string; severity: 'informational' | 'low' | 'medium' | 'high'; host?: string; host_name: string;
      time: string; raised_time: string; received_time: string; last_time: string; count: number; description: string; meaning: string;
      remediation: string[]; tactics: string[]; techniques: string[]; rule: components['schemas']['Rule'];
      matches: components['schemas']['Match'][]; process?: components['schemas']['Process']; evidence: components['schemas']['Event'][];
    } & components['schemas']['Triage'];
    Comment: { uid: number; alert: string; time: string; by: string; text: string; change: string };
    Count: { key: string; label: string; count: number };
    AlertCounts: {
      total: number; by_severity: Record<string, number>; by_status: Record<string, number>;
      top_types: components['schemas']['Count'][]; top_hosts: components['schemas']['Count'][];
      over_time: { start: string; by_severity: Record<string, number> }[];
    };
    View: { uid: string; owner: string; shared: boolean; page: string; name: string; query: string; created_time: string };
    Ledger: {
      epoch: string; produced: number; combined: number; queued: number; sequenced: number; spooled: number; acknowledged: number;
      dropped: Record<string, number>; spool_bytes: number; spool_limit_bytes: number;
    };
    Feature: {
      name: string; state: string; detail?: string; since: string; warnings?: { code: string; text: string }[];
      counters?: { name: string; value: number; dropped?: boolean }[];
    };
    Heartbeat: {
      time: string; hostname: string; os: string; kernel: string; arch: string; addresses: string[]; agent: string; boot_uid: string;
      started_time: string; policy_version: number; resident_bytes: number; cpu_seconds: number;
      features: components['schemas']['Feature'][]; ledger: components['schemas']['Ledger'];
    };
    Host: {
      uid: string; name: string; state: 'active' | 'revoked'; public_key: string; labels: Record<string, string>; enrolled_time: string;
      last_seen_time: string; version: number; heartbeat?: components['schemas']['Heartbeat'];
      intake: { epoch: string; sequence: number; events: number; stored: number; dropped: Record<string, number>; earlier: number; repeated: number };
    };
    Balance: {
      host: string; name: string; produced: number; combined: number; waiting: number; stored: number; dropped: Record<string, number>;
      unaccounted: number; time: string;
    };
    LedgerReport: {
      hosts: components['schemas']['Balance'][]; total: components['schemas']['Balance'];
      server: {
        stream_messages: number; stream_bytes: number; stream_limit_bytes: number; uncommitted_events: number;
        accepted_frames: number; busy_frames: number; refused: { name: string; value: number }[];
      };
    };
    Overview: {
      version: string; open_alerts: Record<string, number>; ledger: components['schemas']['Balance']; started_time: string;
      hosts: { total: number; active: number; revoked: number; healthy: number; degraded: number; silent: number; never_seen: number };
    };
    RuleSummary: { uid: string; title: string; alert_type: string; severity: string; path: string; techniques: string[] };
    EnrolToken: {
      uid: string; note?: string; labels: Record<string, string>; created_by: string; created_time: string; expires_time: string;
      uses: number; max_uses: number; revoked: boolean;
    };
    NewEnrolToken: { token: components['schemas']['EnrolToken']; secret: string; commands: { install: string; enroll: string } };
  };
}

type S = components['schemas'];
type Json<T> = { headers: Record<string, unknown>; content: { 'application/json': T } };
type Failure = { headers: Record<string, unknown>; content: { 'application/problem+json': S['Problem'] } };
type Op<P, B, R> = {
  parameters: P;
  requestBody?: { content: { 'application/json': B } };
  responses: { 200: Json<R>; default: Failure };
};
type NoBody = { parameters: { query?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; default: Failure } };
type List<T> = { items: T[]; next?: string };
type Get<R, Q = Record<never, never>, Path = never> = {
  parameters: [Path] extends [never] ? { query?: Q; path?: never } : { query?: Q; path: Path };
  requestBody?: never;
  responses: { 200: Json<R>; default: Failure };
};

export type AlertQuery = {
  status?: string[]; severity?: string[]; type?: string[]; host?: string[]; tactic?: string[]; assignee?: string[]; rule?: string[];
  text?: string; since?: string; until?: string;
};

export interface paths {
  '/api/v1/session': {
    get: Get<S['Session']>;
    post: Op<{ query?: never }, { name: string; password: string }, S['Session']>;
    delete: NoBody;
  };
  '/api/v1/login-options': { get: Get<S['LoginOptions']> };
  '/api/v1/users': { get: Get<List<S['User']>, { limit?: number; after?: string }> };
  '/api/v1/alerts': { get: Get<List<S['Summary']>, AlertQuery & { order?: string; limit?: number; after?: string }> };
  '/api/v1/alerts/counts': { get: Get<S['AlertCounts'], AlertQuery & { bucket?: string }> };
  '/api/v1/alerts/bulk': { post: Op<{ query?: never }, { uids: string[]; status?: string; assignee?: string; comment?: string }, { changed: number }> };
  '/api/v1/alerts/{uid}': {
    get: Get<S['Case'], Record<never, never>, { uid: string }>;
    patch: Op<{ path: { uid: string }; header?: { 'If-Match'?: string } }, { status?: string; assignee?: string; comment?: string }, S['Case']>;
  };
  '/api/v1/alerts/{uid}/comments': {
    get: Get<List<S['Comment']>, Record<never, never>, { uid: string }>;
    post: Op<{ path: { uid: string } }, { text: string }, S['Comment']>;
  };
  '/api/v1/alerts/{uid}/timeline': { get: Get<List<S['Event']>, { before_seconds?: number; after_seconds?: number }, { uid: string }> };
  '/api/v1/alerts/{uid}/similar': { get: Get<List<S['Summary']>, Record<never, never>, { uid: string }> };
  '/api/v1/hosts': { get: Get<List<S['Host']>, { state?: string; text?: string; limit?: number; after?: string }> };
  '/api/v1/overview': { get: Get<S['Overview']> };
  '/api/v1/ledger': { get: Get<S['LedgerReport']> };
  '/api/v1/rules': { get: Get<List<S['RuleSummary']>> };
  '/api/v1/views': {
    get: Get<List<S['View']>>;
    post: Op<{ query?: never }, { page: string; name: string; query: string; shared: boolean }, S['View']>;
  };
  '/api/v1/views/{uid}': { delete: Omit<NoBody, 'parameters'> & { parameters: { path: { uid: string } } } };
  '/api/v1/enroll-tokens': {
    post: Op<{ query?: never }, { note?: string; labels?: Record<string, string>; expires_in_seconds?: number; max_uses?: number }, S['NewEnrolToken']>;
  };
}
