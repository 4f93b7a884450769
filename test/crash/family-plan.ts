import type { Member } from '../fixtures/family.ts'

/** A family with the workflow id `id`; of which kind its members are follows from `k`. */
export function familyPlan(id: string, k: number): Member {
  const leaf = (n: number): Member => ({
    id: `${id}.${n}`,
    notes: 2,
    children: [],
    policy: (['TERMINATE', 'ABANDON', 'REQUEST_CANCEL'] as const)[(k + n) % 3],
    waits: false,
    ends: n % 3 === 2 ? 'fail' : n % 3 === 1 ? 'again' : 'return',
  })
  const child: Member = {
    ...leaf(9),
    waits: k % 3 !== 0,
    children: [0, 1].map((n) => ({ ...leaf(n), id: `${id}.9.${n}` })),
  }
  return {
    ...leaf(8),
    id,
    ends: 'return',
    waits: k % 4 !== 0,
    notes: 4,
    children: [leaf(0), leaf(1), leaf(2), child],
  }
}
