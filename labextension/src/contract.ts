// Generated from dcai/base/records.py and messages.py by `python -m dcai.base.contract`. Do not modify directly.

export type Scalar = string | number | boolean | null;

export interface Finding {
  finding: string;
  row: number;
  key: Record<string, Scalar> | null;
  part: number | null;
  column: string | null;
  detector: string;
  doubt: number;
  given: Scalar;
  suggested: Scalar;
  confidence: number | null;
  reason: string;
  peers: number[];
}

export interface Correction {
  v: number;
  id: string;
  verdict: 'keep' | 'relabel' | 'edit' | 'exclude' | 'ambiguous' | 'unsure' | 'undo';
  key: Record<string, Scalar>;
  part: number | null;
  column: string | null;
  given: Scalar;
  value: Scalar | Scalar[];
  row: string;
  by: string;
  at: string;
  why: Record<string, unknown>;
  note: string;
  undoes?: string | null;
  resolves?: string[] | null;
  columns?: string[] | null;
  label?: string | null;
  veiled?: Record<string, string> | null;
}

export interface Decision {
  seq: number;
  client_id: string;
  finding: string;
  verdict: 'keep' | 'relabel' | 'edit' | 'exclude' | 'ambiguous' | 'unsure' | 'undo' | 'redo' | 'accept' | 'merge';
  value?: Scalar | Scalar[];
  column?: string | null;
  note?: string;
  after?: string;
  by?: string;
  resolves?: string[];
}

export interface Outlook {
  pace: number | null;
  errors: number | null;
  low: number | null;
  high: number | null;
  next: number;
  worth: number | null;
}

export interface Progress {
  total: number;
  decided: number;
  left: number;
  corrections: number;
  can_undo: boolean;
  can_redo: boolean;
  saved_to: string;
  outlook?: Outlook | null;
  by?: string;
  disputed?: number;
}

export interface Answer {
  seq: number;
  id?: string | null;
  error?: string | null;
  decided?: Record<string, string | null>;
  progress?: Progress | null;
  told?: string;
}

export interface QueueItem {
  finding: string;
  row: number;
  detector: string;
  column: string | null;
  given: Scalar;
  suggested: Scalar;
  doubt: number;
  decided: string | null;
}

export interface Spelling {
  value: Scalar;
  rows: number;
}

export interface Cluster {
  column: string;
  spellings: Spelling[];
  keep: Scalar;
  says?: string;
}

export interface Spread {
  low: string;
  high: string;
  counts: number[];
  at: number | null;
  to?: number | null;
  share?: number | null;
}

export interface Context {
  rows: number;
  empty: number;
  distinct: number;
  common: Spelling[];
  given: number;
  suggested: number | null;
}

export interface ClassChoice {
  name: Scalar;
  probability: number | null;
  meaning?: string;
  given?: boolean;
}

export interface Definition {
  name: Scalar;
  meaning?: string;
  examples?: string[];
  borderline?: string[];
}

export interface Terms {
  definitions: Definition[];
  version: string;
  masked: string[];
  blind: boolean;
  remarks: string[];
  classes?: Scalar[];
  agreement?: string;
}

export interface Cell {
  column: string;
  text: string;
  kind: string;
  cut: boolean;
  spread?: Spread | null;
  missing?: boolean;
}

export interface Sentence {
  tokens: string[];
  tags: Scalar[];
  at: number;
  cut: boolean;
}

export interface ShownRow {
  row: number;
  label: Scalar;
  cells: Cell[];
  how?: string;
}

export interface Group {
  group: string;
  title: string;
  size: number;
  decided: number;
  certified: boolean;
  statement: string;
}

export interface Said {
  id: string;
  by: string;
  verdict: 'keep' | 'relabel' | 'edit' | 'exclude' | 'ambiguous' | 'unsure' | 'undo';
  value: Scalar | Scalar[];
  at: string;
  note: string;
}

export interface Card {
  finding: Finding;
  cells: Cell[];
  classes: ClassChoice[];
  peers: ShownRow[];
  decided: string | null;
  note: string;
  group: Group | null;
  label?: Scalar;
  several?: boolean;
  sentence?: Sentence | null;
  context?: Context | null;
  said?: Said[];
  remark?: string;
}

export interface Parameter {
  name: string;
  schema: Record<string, unknown>;
  settable: boolean;
  source: string;
  help?: string;
}

export interface Problem {
  code: string;
  cell: number | null;
  line: number | null;
  message: string;
}

export interface Lint {
  notebook: string;
  parameters: Parameter[];
  problems: Problem[];
}

export interface NotebookParameters {
  notebook: string;
  suggested_name: string;
  cell: number | null;
  tagged: boolean;
  parameters: Parameter[];
  problems: string[];
}

export interface Promotion {
  name: string;
  folder: string;
  files: string[];
  commit: string | null;
  checked: boolean;
  notes: string[];
  diff?: string;
  undeclared?: Record<string, string[]>;
}

export interface FileHash {
  path: string;
  sha256: string | null;
  size: number | null;
}

export interface RunFailure {
  error: string;
  cell: number | null;
  source: string;
  message: string;
  traceback?: string;
}

export interface CellTiming {
  cell: number;
  wall: number;
  cpu: number | null;
  peak_memory: number | null;
}

export interface Resources {
  wall: number;
  cpu: number | null;
  peak_memory: number | null;
  cells: CellTiming[];
}

export interface RunRecord {
  v: number;
  run: string;
  pipeline: string;
  notebook: string;
  status: 'running' | 'succeeded' | 'failed' | 'stopped' | 'invalid' | 'gate_failed' | 'kernel_died' | 'timed_out' | 'interrupted';
  exit_code: number;
  parameters: Record<string, unknown>;
  commit: string | null;
  dirty: boolean | null;
  inputs: FileHash[];
  outputs: FileHash[];
  corrections: FileHash[];
  metrics: Record<string, unknown>;
  gates: Record<string, unknown>[];
  resources: Resources | null;
  environment: Record<string, string>;
  started: string;
  ended: string | null;
  error: RunFailure | null;
  cells_total: number;
  cells_done: number;
  pid?: number | null;
  host?: string | null;
  resumed?: string | null;
  note?: string | null;
  code?: FileHash[];
  purpose?: string;
  origin?: string | null;
  upstream?: string[];
  corrections_known?: string | null;
  corrections_left?: string[];
}

export interface PipelineSummary {
  name: string;
  folder: string;
  notebook: string;
  parameters: Record<string, unknown>;
  runs: number;
  last: RunRecord | null;
  problem?: string;
}

export interface RunProgress {
  record: RunRecord;
  cell: number | null;
  cell_source: string;
  folder: string;
  seconds_left?: number | null;
}

export interface Filter {
  detector?: string;
  column?: string;
  pair?: string;
  state?: '' | 'open' | 'decided' | 'disputed';
  text?: string;
  order?: 'doubt' | 'row' | 'column' | 'kind';
}

export interface Facet {
  name: string;
  title: string;
  count: number;
}

export interface Facets {
  detectors: Facet[];
  columns: Facet[];
  pairs: Facet[];
  totals?: Record<string, number>;
}

export interface Request {
  seq: number;
  ask: 'page' | 'card' | 'near' | 'next' | 'draw' | 'filter' | 'facets' | 'find' | 'cluster' | 'terms' | 'define' | 'people';
  start?: number;
  count?: number;
  finding?: string;
  view?: number;
  filter?: Filter | null;
  text?: string;
  definition?: Definition | null;
}

export interface Reply {
  seq: number;
  start?: number | null;
  items?: QueueItem[] | null;
  total?: number | null;
  card?: Card | null;
  progress?: Progress | null;
  error?: string | null;
  view?: number | null;
  facets?: Facets | null;
  cluster?: Cluster | null;
  terms?: Terms | null;
  people?: string[] | null;
}

export interface NotebookView {
  root: string;
  git: boolean;
  found: NotebookParameters;
}

export interface PromoteRequest {
  notebook: string;
  name: string;
  check: boolean;
  commit: boolean;
  preview?: boolean;
}

export interface PromoteProgress {
  job: string;
  seconds: number;
  root: string;
  promotion?: Promotion | null;
  preview?: Promotion | null;
}

export interface PromoteDecision {
  job: string;
  go: boolean;
}

export interface PipelineList {
  root: string;
  git: boolean;
  pipelines: PipelineSummary[];
}

export interface RunList {
  runs: RunRecord[];
  total: number;
}

export interface RunRequest {
  root: string;
  pipeline: string;
  parameters: Record<string, unknown>;
}

export interface RunName {
  root: string;
  pipeline: string;
  run: string;
}

export interface Refusal {
  error: string;
  field?: string | null;
}
