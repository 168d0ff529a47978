import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Api, ServerRefusal } from '../src/api';
import type { PromoteProgress, Promotion } from '../src/contract';
import { PromotionJob } from '../src/promotion';

const PROMOTION = { name: 'train', diff: '+a', undeclared: { inputs: ['a.csv'] } } as unknown as Promotion;

function progress(part: Partial<PromoteProgress> = {}): PromoteProgress {
  return { job: 'j1', seconds: 1, root: '', ...part };
}

/** A server that answers what a test tells it to. */
function fakeApi() {
  return {
    promote: vi.fn(async () => progress()),
    promotion: vi.fn(async () => progress({ seconds: 2 })),
    decide: vi.fn(async () => progress())
  };
}

let api: ReturnType<typeof fakeApi>;
let job: PromotionJob;

beforeEach(() => {
  vi.useFakeTimers();
  api = fakeApi();
  job = new PromotionJob(api as unknown as Api, { notebook: 'a.ipynb', name: 'train', check: true, commit: true });
});

afterEach(() => {
  vi.useRealTimers();
});

test('nothing is written before somebody has agreed', async () => {
  const planning = job.plan();
  await vi.advanceTimersByTimeAsync(1200);
  expect(job.seconds).toBe(2);
  api.promotion.mockResolvedValue(progress({ preview: PROMOTION }));
  await vi.advanceTimersByTimeAsync(600);
  expect((await planning)?.preview).toEqual(PROMOTION);
  expect(api.promote).toHaveBeenCalledWith({
    notebook: 'a.ipynb',
    name: 'train',
    check: true,
    commit: true,
    preview: true
  });
  expect(api.decide).not.toHaveBeenCalled();

  const writing = job.write();
  api.promotion.mockResolvedValue(progress({ promotion: PROMOTION }));
  await vi.advanceTimersByTimeAsync(600);
  expect((await writing).promotion).toEqual(PROMOTION);
  expect(api.decide.mock.calls).toEqual([[{ job: 'j1', go: true }]]);
});

test('called off while the check runs, it ends without a refusal, and the server is told once', async () => {
  const planning = job.plan();
  await vi.advanceTimersByTimeAsync(600);
  await job.callOff();
  await job.callOff();
  expect(job.cancelling).toBe(true);
  expect(api.decide.mock.calls).toEqual([[{ job: 'j1', go: false }]]);
  api.promotion.mockRejectedValue(new ServerRefusal('The promotion was called off.', 500));
  await vi.advanceTimersByTimeAsync(600);
  expect(await planning).toBeNull();
});

test('called off before the server has answered, it is called off as soon as it has a number', async () => {
  let answer: (value: PromoteProgress) => void = () => undefined;
  api.promote.mockImplementationOnce(() => new Promise(resolve => (answer = resolve)));
  const planning = job.plan();
  await job.callOff();
  expect(api.decide).not.toHaveBeenCalled();
  answer(progress());
  api.promotion.mockRejectedValue(new ServerRefusal('The promotion was called off.', 500));
  await vi.advanceTimersByTimeAsync(600);
  expect(await planning).toBeNull();
  expect(api.decide.mock.calls).toEqual([[{ job: 'j1', go: false }]]);
});

test('a refusal is handed on', async () => {
  api.promote.mockRejectedValue(new ServerRefusal('No such notebook.', 404));
  await expect(job.plan()).rejects.toThrow('No such notebook.');
});

test('what was agreed to is followed to its end, also while the server cannot be reached', async () => {
  const planning = job.plan();
  api.promotion.mockRejectedValueOnce(new TypeError('Failed to fetch'));
  await vi.advanceTimersByTimeAsync(600);
  api.promotion.mockResolvedValue(progress({ preview: PROMOTION }));
  await vi.advanceTimersByTimeAsync(1200);
  await planning;
  api.decide.mockRejectedValueOnce(new TypeError('Failed to fetch'));
  api.promotion.mockRejectedValueOnce(new TypeError('Failed to fetch'));
  const writing = job.write();
  await vi.advanceTimersByTimeAsync(1100);
  api.promotion.mockResolvedValue(progress({ promotion: PROMOTION }));
  await vi.advanceTimersByTimeAsync(1100);
  expect((await writing).promotion).toEqual(PROMOTION);
  expect(api.decide).toHaveBeenCalledTimes(2);
});

test('a server that is away for long is not waited for without end', async () => {
  const planning = job.plan();
  const outcome = expect(planning).rejects.toThrow('Failed to fetch');
  api.promotion.mockRejectedValue(new TypeError('Failed to fetch'));
  await vi.advanceTimersByTimeAsync(70_000);
  await outcome;
});
