"""Why a container is not dialled, or was not reached: one table of sentences, each with what to do about it.

These are what is stored as the reason of a failed dial and shown to operators; docs/gateway.md lists them.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Reason"]


class Reason(Enum):
    """A sentence, whose particulars are filled in when it is told, and what to do."""

    # The address, before anything is sent to it
    HOST = (
        "{host} is under none of the allowed hosts",
        "correct the address, or add the name's domain to CONSOLE_ALLOWED_HOSTS",
    )
    PORT = (
        "{authority} has none of the allowed ports",
        "correct the address, or add the port to CONSOLE_ALLOWED_PORTS",
    )
    NETWORK = (
        "{address} is in none of the allowed networks",
        "correct the address, or add its network to CONSOLE_ALLOWED_NETWORKS",
    )
    NEVER = (
        "{address} is {what}, which is never dialled",
        "correct the address, or what its name resolves to; no setting allows this one",
    )
    OWN_PORT = (
        "{authority} is the console's own: {what}, which is never dialled",
        "correct the address; a container needs a port of its own",
    )
    UNRESOLVED = (
        "{host} cannot be resolved: {why}",
        "check the name, and the name service of the gateway's machine",
    )
    REDIRECT = (
        "{url} answered with HTTP {status}, a redirect, which is never followed",
        "register the address that the container is served at",
    )
    # The encryption that is configured
    NOT_ENCRYPTED = (
        "{endpoint} is not encrypted, but the encryption level is {level}",
        "use an https:// endpoint, or the level none on loopback or a trusted network",
    )
    NOT_TRUSTED = (
        "{endpoint} is neither loopback nor in a trusted network, so plain http is refused",
        "use https:// with the encryption level standard, or add the network to CONSOLE_TRUSTED_NETWORKS",
    )
    NO_CLIENT_CERTIFICATE = (
        "encryption level high needs a client certificate, and none is set",
        "set CONSOLE_TLS_CLIENT_CERT and CONSOLE_TLS_CLIENT_KEY, or use the level standard",
    )
    TLS_FILES = (
        "the gateway's TLS files cannot be used: {why}",
        "check the files of CONSOLE_TLS_…: PEM, key and certificate matching, the key without a passphrase",
    )
    # TLS, as the two sides negotiate it
    TLS_EXPIRED = ("TLS: the container's certificate has expired", "renew it, and check the clocks")
    TLS_NOT_YET = (
        "TLS: the container's certificate is not valid yet",
        "check the clocks of both machines, or wait",
    )
    TLS_SELF_SIGNED = (
        "TLS: the container's certificate is self-signed",
        "have an authority sign it, or add it to the file of CONSOLE_TLS_CA_FILE",
    )
    TLS_UNKNOWN_AUTHORITY = (
        "TLS: the container's certificate is of an authority that is not trusted here",
        "add the authority to the file of CONSOLE_TLS_CA_FILE, and have the container send the whole chain",
    )
    TLS_WRONG_HOST = (
        "TLS: the container's certificate is for another host ({why})",
        "dial it by a name in its certificate, or have one issued for this name",
    )
    TLS_CERTIFICATE = ("TLS: the container's certificate is refused: {why}", "have a proper one issued")
    TLS_VERSION = (
        "TLS: the container offers no version that its encryption level takes",
        "let it serve TLS 1.3, or with the level standard 1.2 at least",
    )
    TLS_PLAIN = (
        "TLS: what answers there does not speak TLS",
        "correct the port, or use an http:// endpoint with the encryption level none",
    )
    TLS_ENDED = (
        "TLS: what answers there ended the connection without a word",
        "see whether TLS is served at this port; the container's own log may say more",
    )
    TLS_RESET = (
        "TLS: the container cut the connection right after the handshake",
        "if it asks for a client certificate, it may have refused ours, or its lack: its log says so",
    )
    TLS_CLIENT_WANTED = (
        "TLS: the container asks for a client certificate, and was sent none",
        "use the encryption level high, with CONSOLE_TLS_CLIENT_CERT and CONSOLE_TLS_CLIENT_KEY",
    )
    TLS_CLIENT_REFUSED = (
        "TLS: the container refuses the gateway's client certificate: {why}",
        "have CONSOLE_TLS_CLIENT_CERT issued by an authority that the container trusts, and renewed in time",
    )
    TLS_NO_AGREEMENT = (
        "TLS: the container refused the handshake",
        "let it share a cipher with the gateway; if it asks for a client certificate, use the level high",
    )
    TLS_OTHER = ("TLS: {why}", "look into the container's own log, and compare its TLS settings")
    # The credential
    CREDENTIAL_NAME = (
        "the credential {reference} is not allowed by CONSOLE_CREDENTIAL_NAMES",
        "add the name there, or correct the reference",
    )
    CREDENTIAL_NO_FOLDER = (
        "the credential {reference} needs a folder of credentials, and none is set",
        "set CONSOLE_CREDENTIAL_DIR",
    )
    CREDENTIAL_OUTSIDE = (
        "the credential {reference} is outside the folder of credentials",
        "name a file in CONSOLE_CREDENTIAL_DIR, and no link out of it",
    )
    CREDENTIAL_UNREADABLE = (
        "the credential {reference} cannot be read: {why}",
        "put the file into CONSOLE_CREDENTIAL_DIR, readable for the gateway's user",
    )
    CREDENTIAL_NO_FILE = (
        "the credential {reference} is not a regular file",
        "put a file with the secret there",
    )
    CREDENTIAL_OPEN = (
        "the credential {reference} is open to others (mode {mode})",
        "let its owner alone read it: chmod 600",
    )
    CREDENTIAL_OWNER = (
        "the credential {reference} belongs to another user than the gateway's",
        "chown it to the user that runs the gateway",
    )
    CREDENTIAL_SIZE = (
        "the credential {reference} is larger than {most} bytes",
        "put the secret alone into it",
    )
    CREDENTIAL_EMPTY = ("the credential {reference} is empty", "set the variable, or fill the file")
    CREDENTIAL_FORM = (
        "the credential {reference} must be one line of printable ASCII",
        "remove line breaks and other characters from it",
    )
    CREDENTIAL_REFUSED = (
        "{url} answered with HTTP {status}: it does not accept the credential, or wants one",
        "check the container's credential reference, and the secret that it names",
    )

    @property
    def sentence(self) -> str:
        """What is the case, with {particulars} to fill in."""
        return self.value[0]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.value[1]

    def told(self, **particulars: object) -> str:
        """Return the sentence with its particulars, and what to do."""
        return f"{self.sentence.format_map(particulars)}; {self.advice}"
