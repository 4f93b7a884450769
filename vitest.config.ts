import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    // A package of its own, with Temporal's SDK: `npm run test:temporal`.
    exclude: [...configDefaults.exclude, 'test/temporal/**'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores are the reference machine; runtimes under test have threads of their own.
    maxWorkers: 2,
  },
})
