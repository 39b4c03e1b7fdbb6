/** How a volume calls itself on a SCSI bus: the vendor's prefix and its serial (docs: Cinder, LXD). */
export function scsiWwn(serial: string): string {
  return `3624a9370${serial.toLowerCase()}`;
}
