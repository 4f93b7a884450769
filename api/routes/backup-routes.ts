import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { BackupOptions, BackupResult } from '../../runtime/data-backup.ts'
import { SignalboxError } from '../../runtime/errors.ts'
import { backupAnswer } from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { checkAllNamespaces } from '../grant.ts'
import { invalidField } from '../invalid-field.ts'
import { rejectQuery } from '../request-query.ts'
import { backupBody } from '../schemas.ts'
import type { BackupBody } from '../schemas.ts'

/** A runtime that has data on disk. */
interface BackupSource {
  backup?(target: string, options?: BackupOptions): Promise<BackupResult>
}

/** One part of a path, and never a hidden one. */
const nameRule = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** Backups of the whole folder, into a folder that the server's operator has chosen. */
export function addBackupRoutes(
  app: FastifyInstance,
  source: BackupSource,
  backupDir: string,
): void {
  let isBusy = false
  app.post(
    '/api/v1/backups',
    {
      schema: { body: backupBody },
      config: {
        operation: {
          id: 'CreateBackup',
          summary: 'Copy the data of all namespaces into a folder of the server',
          answer: backupAnswer,
          scopes: ['admin'],
        },
      },
    },
    async (request: FastifyRequest<{ Body: BackupBody }>, reply) => {
      rejectQuery(request.query)
      checkAllNamespaces(request)
      const name = request.body.name ?? new Date().toISOString().replaceAll(':', '-')
      if (!nameRule.test(name)) {
        throw invalidField(
          'name',
          'must have 1 to 100 letters, digits, dots, dashes and underscores',
        )
      }
      if (isBusy) {
        throw new SignalboxError(
          'SIGNALBOX_ERR_TOO_MANY_REQUESTS',
          'A backup is being made; there is one at a time',
          { fields: { retryAfterMs: 10_000 } },
        )
      }
      isBusy = true
      try {
        const compact = request.body.compact ?? false
        const result = await source.backup?.(join(backupDir, name), { compact })
        if (result === undefined) {
          throw new SignalboxError('SIGNALBOX_ERR_NOT_IMPLEMENTED', 'This runtime has no backups')
        }
        const { bytes } = result
        return sendJson(request, reply, { name, bytes: String(bytes) })
      } finally {
        isBusy = false
      }
    },
  )
}
