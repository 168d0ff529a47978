import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Api, ServerRefusal } from '../src/api';
import type { PipelineList, PipelineSummary, RunName, RunProgress, RunRecord } from '../src/contract';
import { type Ended, PanelModel } from '../src/model';

const NAME: RunName = { root: 'repo', pipeline: 'train', run: 'r1' };
const TRAIN: PipelineSummary = {
  name: 'train',
  folder: 'pipelines/train',
  notebook: 'pipelines/train/pipeline.ipynb',
  parameters: { type: 'object', properties: { n: { type: 'integer', default: 1 } } },
  runs: 0,
  last: null
};

function progress(status: RunRecord['status']): RunProgress {
  const record = { run: 'r1', pipeline: 'train', status, started: '2026-01-31T12:00:00Z', ended: null } as RunRecord;
  return { record, cell: 0, cell_source: '', folder: 'runs/train/r1' };
}

function list(...pipelines: PipelineSummary[]): PipelineList {
  return { root: 'repo', git: true, pipelines };
}

/** A server that answers what a test tells it to. */
function fakeApi() {
  return {
    pipelines: vi.fn(async (_path: string) => list(TRAIN)),
    runs: vi.fn(async () => ({ runs: [], total: 0 })),
    run: vi.fn(async (_root: string, _pipeline: string, _parameters: string) => NAME),
    progress: vi.fn(async () => progress('running')),
    cancel: vi.fn(async () => NAME)
  };
}

let api: ReturnType<typeof fakeApi>;
let model: PanelModel;
let ended: Ended[];
let failed: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  api = fakeApi();
  model = new PanelModel(api as unknown as Api, () => 'repo/train.ipynb');
  ended = [];
  failed = [];
  model.ended.connect((_, one) => ended.push(one));
  model.failed.connect((_, error) => failed.push(error));
});

afterEach(() => {
  model.dispose();
  vi.useRealTimers();
});

describe('the list', () => {
  test('shows the repository of the path that the user works at', async () => {
    await model.refresh();
    expect(api.pipelines).toHaveBeenCalledWith('repo/train.ipynb');
    expect(model.list?.pipelines).toEqual([TRAIN]);
    expect([...model.open]).toEqual(['train']); // the only one is unfolded
    expect(api.runs).toHaveBeenCalledWith('repo', 'train', 10);
  });

  test('a late answer does not replace a newer one', async () => {
    let answer: (value: PipelineList) => void = () => undefined;
    api.pipelines.mockImplementationOnce(() => new Promise(resolve => (answer = resolve)));
    const first = model.refresh();
    await model.refresh();
    answer(list());
    await first;
    expect(model.list?.pipelines).toEqual([TRAIN]);
    expect(model.loading).toBe(false);
  });

  test('an error is shown and the old list kept', async () => {
    await model.refresh();
    api.pipelines.mockRejectedValueOnce(new ServerRefusal('No.', 500));
    await model.refresh();
    expect(model.error).toBe('No.');
    expect(model.list?.pipelines).toEqual([TRAIN]);
  });

  test('what comes late for a repository that is no longer shown changes nothing', async () => {
    let refuse: (error: Error) => void = () => undefined;
    api.pipelines.mockImplementationOnce(() => new Promise((_, reject) => (refuse = reject)));
    const late = model.refresh();
    await model.refresh();
    refuse(new ServerRefusal('No such folder.', 404));
    await late;
    expect(model.error).toBe('');

    // Another repository has a pipeline of the same name: its runs are not those of the first one.
    const old = { runs: [progress('failed').record], total: 1 };
    let answer: (runs: typeof old) => void = () => undefined;
    (api.runs as ReturnType<typeof vi.fn>).mockImplementationOnce(() => new Promise(resolve => (answer = resolve)));
    const loading = model.loadRuns('train');
    model.openForm(TRAIN);
    let begin: (name: RunName) => void = () => undefined;
    api.run.mockImplementationOnce(() => new Promise(resolve => (begin = resolve)));
    const starting = model.start('train');
    api.pipelines.mockResolvedValue({ ...list(TRAIN), root: 'other' });
    await model.refresh();
    model.openForm(TRAIN);
    answer(old);
    begin(NAME);
    await loading;
    expect(await starting).toBe(true);
    expect(model.histories.get('train')?.runs).toEqual([]);
    expect(model.forms.has('train')).toBe(true);
    expect(model.liveOf('train')).toEqual([]);
    expect([...model.live.keys()]).toEqual(['r1']);
  });

  test('a run that goes on already is followed', async () => {
    api.pipelines.mockResolvedValueOnce(list({ ...TRAIN, last: progress('running').record }));
    await model.refresh();
    expect(model.liveOf('train').map(live => live.name)).toEqual([NAME]);
  });
});

describe('a run', () => {
  beforeEach(async () => {
    await model.refresh();
    model.openForm(TRAIN);
  });

  test('starts with what was typed, and is followed to its end', async () => {
    model.type('train', 'n', '5', false);
    expect(await model.start('train')).toBe(true);
    expect(api.run).toHaveBeenCalledWith('repo', 'train', '{"n":5}');
    expect(model.forms.has('train')).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(model.liveOf('train')[0]?.progress?.record.status).toBe('running');
    api.progress.mockResolvedValue(progress('succeeded'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(model.liveOf('train')).toEqual([]);
    expect(ended.map(one => one.progress.record.status)).toEqual(['succeeded']);
  });

  test('mistakes are found before the server is asked', async () => {
    model.type('train', 'n', 'x', false);
    expect(await model.start('train')).toBe(false);
    expect(api.run).not.toHaveBeenCalled();
    expect(model.forms.get('train')?.errors).toEqual({ n: 'A whole number is needed, such as 10.' });
    model.type('train', 'n', '2', false);
    expect(model.forms.get('train')?.errors).toEqual({});
  });

  test("the server's refusal stands at its field", async () => {
    api.run.mockRejectedValueOnce(new ServerRefusal('n is too small.', 400, 'n'));
    expect(await model.start('train')).toBe(false);
    expect(model.forms.get('train')).toMatchObject({ errors: { n: 'n is too small.' }, message: '', sending: false });
    api.run.mockRejectedValueOnce(new ServerRefusal('The disk is full.', 500));
    expect(await model.start('train')).toBe(false);
    expect(model.forms.get('train')?.message).toBe('The disk is full.');
  });

  test('a start that takes its time is no failure, a refusal is', async () => {
    api.progress.mockRejectedValue(new ServerRefusal('The run r1 is starting.', 404));
    await model.start('train');
    await vi.advanceTimersByTimeAsync(3000);
    expect(model.liveOf('train')).toHaveLength(1);
    api.progress.mockRejectedValue(new TypeError('no network'));
    await vi.advanceTimersByTimeAsync(3000);
    expect(model.liveOf('train')).toHaveLength(1);
    api.progress.mockRejectedValue(new ServerRefusal('There is no kernel.', 400));
    await vi.advanceTimersByTimeAsync(1000);
    expect(model.liveOf('train')).toEqual([]);
    expect(failed.map(String)).toEqual(['Error: There is no kernel.']);
  });

  test('is cancelled once, and can be cancelled again after a failure', async () => {
    await model.start('train');
    api.cancel.mockRejectedValueOnce(new ServerRefusal('Not here.', 500));
    await model.cancel('r1');
    expect(failed.map(String)).toEqual(['Error: Not here.']);
    await model.cancel('r1');
    await model.cancel('r1');
    expect(api.cancel).toHaveBeenCalledTimes(2);
    expect(model.liveOf('train')[0]?.cancelling).toBe(true);
  });
});
