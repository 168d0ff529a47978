import { describe, expect, it, vi } from 'vitest';
import type { Reply, Request } from '../contract';
import { PAGE, Queue } from './queue';

const TOTAL = 100_000;

function makeQueue(total = TOTAL, decided: (i: number) => boolean = () => false) {
  const asked: Omit<Request, 'seq'>[] = [];
  const ask = async (question: Omit<Request, 'seq'>): Promise<Reply> => {
    asked.push(question);
    const { start = 0, count = PAGE } = question;
    if (question.ask === 'next') {
      for (let i = 0; i < total; i++) {
        if (!decided((start + i) % total)) {
          return { seq: 0, start: (start + i) % total };
        }
      }
      return { seq: 0 };
    }
    const items = Array.from({ length: Math.min(count, total - start) }, (_, i) => ({
      finding: `f${start + i}`,
      row: start + i,
      detector: 'labels',
      column: 'label',
      given: 'a',
      suggested: 'b',
      doubt: 0.5,
      decided: decided(start + i) ? 'keep' : null
    }));
    return { seq: 0, items, total };
  };
  return { queue: new Queue(ask, total), asked };
}

describe('Queue', () => {
  it('asks for a page of 100 once, however often it is wanted', async () => {
    const { queue, asked } = makeQueue();
    await Promise.all([queue.load(5, 150), queue.load(20), queue.load(199)]);
    await queue.load(0, 199);
    expect(asked.map(a => a.start)).toEqual([0, 100]);
    expect(queue.at(150)?.finding).toBe('f150');
    expect(queue.at(200)).toBeUndefined();
    expect(queue.positionOf('f150')).toBe(150);
  });

  it('does not ask beyond its end', async () => {
    const { queue, asked } = makeQueue(120);
    await queue.load(90, 400);
    expect(asked.map(a => a.start)).toEqual([0, 100]);
  });

  it('lets Python find the next open finding far away, without loading what lies between', async () => {
    const { queue, asked } = makeQueue(TOTAL, i => i < 70_000);
    await queue.load(0);
    expect(await queue.next(0)).toBe(70_000);
    expect(asked.map(a => [a.ask, a.start])).toEqual([
      ['page', 0],
      ['next', 100],
      ['page', 70_000]
    ]);
  });

  it('goes round the end to find one that was passed over', async () => {
    const { queue } = makeQueue(250, i => i !== 3);
    await queue.load(0, 249);
    expect(await queue.next(240)).toBe(3);
  });

  it('finds none when all are decided or on their way', async () => {
    const { queue } = makeQueue(3, i => i > 0);
    await queue.load(0);
    expect(await queue.next(0)).toBe(0);
    queue.mark('f0', { verdict: 'keep', state: 'pending' });
    expect(await queue.next(0)).toBeNull();
    expect(await makeQueue(0).queue.next(0)).toBeNull();
  });

  it('tells pending, saved, failed and open apart', async () => {
    const { queue } = makeQueue(3);
    await queue.load(0);
    const item = queue.at(1);
    if (!item) {
      throw new Error('the page is not here');
    }
    expect(queue.status(item)).toBeUndefined();
    queue.mark('f1', { verdict: 'keep', state: 'pending' });
    expect([queue.status(item)?.state, queue.isOpen(item)]).toEqual(['pending', false]);
    queue.mark('f1', { verdict: 'keep', state: 'error', message: 'full' });
    expect([queue.status(item)?.state, queue.isOpen(item)]).toEqual(['error', true]);
    queue.settle({ f1: 'keep' });
    expect([queue.status(item)?.state, queue.isOpen(item)]).toEqual(['saved', false]);
    queue.settle({ f1: null });
    expect([queue.status(item)?.state, queue.isOpen(item)]).toEqual([undefined, true]);
  });

  it('asks again for a page that failed', async () => {
    const ask = vi
      .fn<(q: Omit<Request, 'seq'>) => Promise<Reply>>()
      .mockResolvedValueOnce({ seq: 0, error: 'the log is gone' })
      .mockResolvedValueOnce({ seq: 0, items: [], total: 0 });
    const queue = new Queue(ask, 1);
    await expect(queue.load(0)).rejects.toThrow('the log is gone');
    await queue.load(0);
    expect(ask).toHaveBeenCalledTimes(2);
  });
});
