import { log } from 'signalbox/activity'
import type { OrderLine } from './order-shipment.ts'

/** Puts one line of an order into the parcel. */
export async function packLine(orderId: string, line: OrderLine): Promise<void> {
  log.info('line packed', { orderId, ...line })
}

/** Gives the parcel to the carrier. */
export async function handToCarrier(orderId: string, lines: readonly OrderLine[]): Promise<void> {
  log.info('parcel handed over', { orderId, lines: lines.length })
}

/** Brings a version of a service to a group of hosts. Doing it again changes nothing. */
export async function deployGroup(
  service: string,
  version: string,
  hosts: readonly string[],
): Promise<void> {
  log.info('group deployed', { service, version, hosts })
}
