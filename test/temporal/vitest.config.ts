import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = fileURLToPath(new URL('./', import.meta.url))

/** The tests against Temporal's SDK, apart from the others: see package.json in this folder. */
export default defineConfig({
  root: here,
  resolve: {
    alias: {
      // Activities run on signalbox alone, and so with its context.
      '@temporalio/activity': fileURLToPath(
        new URL('../../dist/runtime/activity/index.js', import.meta.url),
      ),
    },
  },
  test: {
    include: ['*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are the reference machine; both engines have threads of their own.
    maxWorkers: 2,
  },
})
