/** The server's routes under `/dcai/api/`, typed by the contract. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type {
  NotebookView,
  PipelineList,
  PromoteDecision,
  PromoteProgress,
  PromoteRequest,
  Refusal,
  RunList,
  RunName,
  RunProgress
} from './contract';

/** What the server said instead of a value; `field` names the parameter that it is about. */
export class ServerRefusal extends Error {
  readonly status: number;
  readonly field: string | null;

  constructor(message: string, status: number, field: string | null = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

const ABSENT =
  'The server does not know dcai. Install dcai in the environment that runs the Jupyter server, then restart it.';

export class Api {
  readonly settings: ServerConnection.ISettings;

  constructor(settings: ServerConnection.ISettings) {
    this.settings = settings;
  }

  parameters(notebook: string): Promise<NotebookView> {
    return this._get('parameters', { notebook });
  }

  promote(request: PromoteRequest): Promise<PromoteProgress> {
    return this._post('promote', JSON.stringify(request));
  }

  promotion(job: string): Promise<PromoteProgress> {
    return this._get('promote', { job });
  }

  decide(decision: PromoteDecision): Promise<PromoteProgress> {
    return this._post('promotion', JSON.stringify(decision));
  }

  pipelines(path: string): Promise<PipelineList> {
    return this._get('pipelines', { path });
  }

  runs(root: string, pipeline: string, limit: number): Promise<RunList> {
    return this._get('runs', { root, pipeline, limit: String(limit) });
  }

  /** `parameters` is JSON text, so that large integers keep their digits. */
  run(root: string, pipeline: string, parameters: string): Promise<RunName> {
    const head = JSON.stringify({ root, pipeline }).slice(0, -1);
    return this._post('runs', `${head},"parameters":${parameters}}`);
  }

  progress(run: RunName): Promise<RunProgress> {
    return this._get('progress', { ...run });
  }

  cancel(run: RunName): Promise<RunName> {
    return this._post('cancel', JSON.stringify(run));
  }

  private _get<T>(route: string, query: Record<string, string>): Promise<T> {
    return this._request(route + URLExt.objectToQueryString(query), { method: 'GET', cache: 'no-store' });
  }

  private _post<T>(route: string, body: string): Promise<T> {
    return this._request(route, { method: 'POST', body });
  }

  private async _request<T>(route: string, init: RequestInit): Promise<T> {
    const url = URLExt.join(this.settings.baseUrl, 'dcai', 'api', route);
    const response = await ServerConnection.makeRequest(url, init, this.settings);
    const text = await response.text();
    const value = parse(text);
    if (!response.ok) {
      const refusal = value as Refusal | undefined;
      const sentence = typeof refusal?.error === 'string' ? refusal.error : undefined;
      const fallback = response.status === 404 ? ABSENT : `The server answered ${response.status}.`;
      throw new ServerRefusal(sentence ?? fallback, response.status, refusal?.field ?? null);
    }
    if (value === undefined) {
      throw new ServerRefusal(ABSENT, response.status);
    }
    return value as T;
  }
}

/** The value of JSON text, or undefined for anything else, such as the page of a server without dcai. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
