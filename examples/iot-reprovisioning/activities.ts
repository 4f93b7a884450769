import { log } from 'signalbox/activity'

/**
 * Gives a device new credentials. `generation` grows with each cure, so that asking twice for the
 * same generation, as a retry does, gives the same credentials.
 */
export async function reprovision(deviceId: string, generation: number): Promise<string> {
  const credentialsId = `${deviceId}-credentials-${generation}`
  log.info('device reprovisioned', { deviceId, credentialsId })
  return credentialsId
}
