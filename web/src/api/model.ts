// The names under which the console knows the types of the interface.
import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type Session = Schemas['Session'];
export type User = Schemas['User'];
export type LoginOptions = Schemas['LoginOptions'];
export type Alert = Schemas['Alert'];
export type AlertSummary = Schemas['AlertSummary'];
export type AlertCounts = Schemas['AlertCounts'];
export type Count = Schemas['AlertCount'];
export type Comment = Schemas['Comment'];
export type Match = Schemas['Match'];
export type Event = Schemas['Event'];
export type Process = Schemas['Process'];
export type EntryPoint = Schemas['EntryPoint'];
export type View = Schemas['View'];
export type Host = Schemas['Host'];
export type Heartbeat = Schemas['Heartbeat'];
export type Feature = Schemas['Feature'];
export type Balance = Schemas['Balance'];
export type LedgerReport = Schemas['LedgerReport'];
export type Overview = Schemas['Overview'];
export type EnrollToken = Schemas['EnrollToken'];
export type CreatedEnrollToken = Schemas['CreatedEnrollToken'];
export type Rule = Schemas['Rule'];
export type NewEnrollToken = Schemas['NewEnrollToken'];
export type HostProcess = Schemas['HostProcess'];
export type EventClass = Schemas['EventClass'];
export type Scenario = Schemas['Scenario'];
export type Simulation = Schemas['Simulation'];
export type SimulationPart = Schemas['SimulationPart'];
export type Token = Schemas['Token'];
export type Settings = Schemas['Settings'];
export type SettingsUpdate = Schemas['SettingsUpdate'];
export type AuditEntry = Schemas['AuditEntry'];
export type Policy = Schemas['Policy'];
export type Assignment = Schemas['Assignment'];
export type Incident = Schemas['Incident'];
export type IncidentSummary = Schemas['IncidentSummary'];
export type IncidentCounts = Schemas['IncidentCounts'];
export type IncidentUpdate = Schemas['IncidentUpdate'];
export type StoryLine = Schemas['StoryLine'];
export type Link = Schemas['IncidentLink'];
export type LinkKind = Schemas['LinkKind'];
export type Entity = Schemas['IncidentEntity'];
export type EntityKind = Schemas['EntityKind'];
export type Verdict = Schemas['Verdict'];
export type Exception = Schemas['Exception'];
export type ExceptionBody = Schemas['ExceptionBody'];
export type ExceptionScope = Schemas['ExceptionScope'];
export type ExceptionPreview = Schemas['ExceptionPreview'];
export type Condition = Schemas['Condition'];

/** Severities from the worst down. */
export const severities = ['high', 'medium', 'low', 'informational'] as const;
export type Severity = (typeof severities)[number];

/** Statuses that people give, in the order of work. */
export const givenStatuses = ['open', 'acknowledged', 'resolved', 'dismissed'] as const;
export type GivenStatus = (typeof givenStatuses)[number];

/** All statuses; the last one is given by an exception. */
export const statuses = [...givenStatuses, 'suppressed'] as const;
export type Status = (typeof statuses)[number];

/** Roles in ascending order; each may do what the ones before it may. */
export const roles = ['reader', 'responder', 'approver', 'admin'] as const;
export type Role = (typeof roles)[number];

/** AlertQuery chooses alerts, as lists and counts of them are asked for. */
export type AlertQuery = Omit<NonNullable<operations['listAlerts']['parameters']['query']>, 'limit' | 'after' | 'order'>;

/** IncidentQuery chooses incidents, as lists and counts of them are asked for. */
export type IncidentQuery = Omit<NonNullable<operations['listIncidents']['parameters']['query']>, 'limit' | 'after' | 'order'>;

/** ExceptionQuery chooses exceptions. */
export type ExceptionQuery = Omit<NonNullable<operations['listExceptions']['parameters']['query']>, 'limit' | 'after'>;
