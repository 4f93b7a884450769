import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createServer, type ServerOptions } from 'signalbox/api'
import { type ApiServer, base, openApiServer } from './fixtures/api-server.ts'

/** An address of this machine that others can reach, if it has one. */
const external = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
const list = `${base}/workflows`

describe('createServer', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await openApiServer()
  })
  afterAll(() => api.close())

  /** On all addresses, and answering at the external one. */
  async function statusFor(options: Omit<ServerOptions, 'runtime'>, host: string, token?: string) {
    const app = createServer({ ...options, runtime: api.runtime, metrics: false })
    onTestFinished(() => app.close())
    await app.listen({ host: '0.0.0.0', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`http://${host}:${port}${list}`, { headers })
    return answer.status
  }

  it.runIf(external !== undefined)(
    'answers other machines with a token, or where it was told to answer anybody',
    async () => {
      const host = external as string
      expect(await statusFor({}, host)).toBe(403)
      expect(await statusFor({ allowedHosts: [host] }, host)).toBe(403)
      expect(await statusFor({ allowUnauthenticated: true }, host)).toBe(200)
      expect(await statusFor({ token: 'secret' }, host)).toBe(401)
      expect(await statusFor({ token: 'secret' }, host, 'secret')).toBe(200)
    },
  )

  it('answers its own machine without a token', async () => {
    expect(await statusFor({}, '127.0.0.1')).toBe(200)
    expect(await statusFor({}, 'localhost')).toBe(200)
    const injected = await api.app.inject({ url: list, headers: { host: 'evil.example' } })
    expect(injected.statusCode).toBe(403)
    expect((await api.app.inject({ url: list })).statusCode).toBe(200)
  })

  it.each([
    ['a token that is not there', { token: undefined }, 'token'],
    ['an empty token', { token: '' }, 'token'],
    ['no tokens', { tokens: [] }, 'tokens'],
    ['a name with a typing error', { tokn: 'secret' }, 'tokn'],
    ['no runtime', { runtime: undefined }, 'runtime'],
  ])('refuses %s', (_what, options, option) => {
    const given = { runtime: api.runtime, ...options } as ServerOptions
    expect(() => createServer(given)).toThrow(
      expect.objectContaining({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        fields: { option },
      }) as Error,
    )
  })
})
