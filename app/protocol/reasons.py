"""Why a container is not dialled, or was not reached: one table of sentences, causes and advice.

Sentence and advice are what is stored as the reason of a failed dial; docs/explanations.md shows all three.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Reason"]


class Reason(Enum):
    """A sentence, whose particulars are filled in when it is told, its likely cause, and what to do."""

    # The address, before anything is sent to it
    HOST = (
        "{host} is under none of the allowed hosts",
        "CONSOLE_ALLOWED_HOSTS narrows which names may be dialled, and this one is under none of them",
        "correct the address, or add the name's domain to CONSOLE_ALLOWED_HOSTS",
    )
    PORT = (
        "{authority} has none of the allowed ports",
        "CONSOLE_ALLOWED_PORTS narrows which ports may be dialled, and this one is not among them",
        "correct the address, or add the port to CONSOLE_ALLOWED_PORTS",
    )
    NETWORK = (
        "{address} is in none of the allowed networks",
        "the name resolves to an address outside of CONSOLE_ALLOWED_NETWORKS, or the address was entered so",
        "correct the address, or add its network to CONSOLE_ALLOWED_NETWORKS",
    )
    NEVER = (
        "{address} is {what}, which is never dialled",
        "the name resolves to a metadata service, a link-local or another special address",
        "correct the address, or what its name resolves to; no setting allows this one",
    )
    OWN_PORT = (
        "{authority} is the console's own: {what}, which is never dialled",
        "the container was registered with the address of the console itself",
        "correct the address; a container needs a port of its own",
    )
    UNRESOLVED = (
        "{host} cannot be resolved: {why}",
        "the name is misspelt, was removed, or the name service does not answer",
        "check the name, and the name service of the gateway's machine",
    )
    REDIRECT = (
        "{url} answered with HTTP {status}, a redirect, which is never followed",
        "a proxy or a login page stands at that address, or the container has moved",
        "register the address that the container is served at",
    )
    # The encryption that is configured
    NOT_ENCRYPTED = (
        "{endpoint} is not encrypted, but the encryption level is {level}",
        "the address says http:// while its configuration asks for TLS",
        "use an https:// endpoint, or the level none on loopback or a trusted network",
    )
    NOT_TRUSTED = (
        "{endpoint} is neither loopback nor in a trusted network, so plain http is refused",
        "the encryption level is none, which is for loopback and trusted networks only",
        "use https:// with the encryption level standard, or add the network to CONSOLE_TRUSTED_NETWORKS",
    )
    NO_CLIENT_CERTIFICATE = (
        "encryption level high needs a client certificate, and none is set",
        "the gateway was started without CONSOLE_TLS_CLIENT_CERT",
        "set CONSOLE_TLS_CLIENT_CERT and CONSOLE_TLS_CLIENT_KEY, or use the level standard",
    )
    TLS_FILES = (
        "the gateway's TLS files cannot be used: {why}",
        "a file is missing, is not PEM, or key and certificate do not belong together",
        "check the files of CONSOLE_TLS_…: PEM, key and certificate matching, the key without a passphrase",
    )
    # TLS, as the two sides negotiate it
    TLS_EXPIRED = (
        "TLS: the container's certificate has expired",
        "nobody renewed it in time, or a clock is wrong",
        "renew it, and check the clocks",
    )
    TLS_NOT_YET = (
        "TLS: the container's certificate is not valid yet",
        "it was issued just now, and the clock of one machine is behind",
        "check the clocks of both machines, or wait",
    )
    TLS_SELF_SIGNED = (
        "TLS: the container's certificate is self-signed",
        "it was made by hand, or by the agent itself when it started",
        "have an authority sign it, or add it to the file of CONSOLE_TLS_CA_FILE",
    )
    TLS_UNKNOWN_AUTHORITY = (
        "TLS: the container's certificate is of an authority that is not trusted here",
        "a private authority signed it, or the container sends its own certificate alone",
        "add the authority to the file of CONSOLE_TLS_CA_FILE, and have the container send the whole chain",
    )
    TLS_WRONG_HOST = (
        "TLS: the container's certificate is for another host ({why})",
        "the container is dialled by an address or a name that its certificate does not have",
        "dial it by a name in its certificate, or have one issued for this name",
    )
    TLS_CERTIFICATE = (
        "TLS: the container's certificate is refused: {why}",
        "it breaks a rule of certificates, which the words behind the colon name",
        "have a proper one issued",
    )
    TLS_VERSION = (
        "TLS: the container offers no version that its encryption level takes",
        "the container's TLS library is old, or set to old versions",
        "let it serve TLS 1.3, or with the level standard 1.2 at least",
    )
    TLS_PLAIN = (
        "TLS: what answers there does not speak TLS",
        "a plain HTTP server, or another program, has this port",
        "correct the port, or use an http:// endpoint with the encryption level none",
    )
    TLS_ENDED = (
        "TLS: what answers there ended the connection without a word",
        "a proxy or the container closes connections that it does not expect",
        "see whether TLS is served at this port; the container's own log may say more",
    )
    TLS_RESET = (
        "TLS: the container cut the connection right after the handshake",
        "the container refused us and closed before its answer could be read",
        "if it asks for a client certificate, it may have refused ours, or its lack: its log says so",
    )
    TLS_CLIENT_WANTED = (
        "TLS: the container asks for a client certificate, and was sent none",
        "the container serves known clients only",
        "use the encryption level high, with CONSOLE_TLS_CLIENT_CERT and CONSOLE_TLS_CLIENT_KEY",
    )
    TLS_CLIENT_REFUSED = (
        "TLS: the container refuses the gateway's client certificate: {why}",
        "the gateway's certificate has expired, or its authority is unknown to the container",
        "have CONSOLE_TLS_CLIENT_CERT issued by an authority that the container trusts, and renewed in time",
    )
    TLS_NO_AGREEMENT = (
        "TLS: the container refused the handshake",
        "the two share no cipher, or the container asks for a certificate",
        "let it share a cipher with the gateway; if it asks for a client certificate, use the level high",
    )
    TLS_OTHER = (
        "TLS: {why}",
        "the TLS library of one side gave up, for what stands behind the colon",
        "look into the container's own log, and compare its TLS settings",
    )
    # The credential
    CREDENTIAL_NAME = (
        "the credential {reference} is not allowed by CONSOLE_CREDENTIAL_NAMES",
        "the gateway reads only what CONSOLE_CREDENTIAL_NAMES lists",
        "add the name there, or correct the reference",
    )
    CREDENTIAL_NO_FOLDER = (
        "the credential {reference} needs a folder of credentials, and none is set",
        "the container names a file, and the gateway was given no folder",
        "set CONSOLE_CREDENTIAL_DIR",
    )
    CREDENTIAL_OUTSIDE = (
        "the credential {reference} is outside the folder of credentials",
        "the name climbs out of the folder, or is a link that does",
        "name a file in CONSOLE_CREDENTIAL_DIR, and no link out of it",
    )
    CREDENTIAL_UNREADABLE = (
        "the credential {reference} cannot be read: {why}",
        "it was not put there, or the gateway's user may not read it",
        "put the file into CONSOLE_CREDENTIAL_DIR, readable for the gateway's user",
    )
    CREDENTIAL_NO_FILE = (
        "the credential {reference} is not a regular file",
        "a folder, a pipe or a device stands in its place",
        "put a file with the secret there",
    )
    CREDENTIAL_OPEN = (
        "the credential {reference} is open to others (mode {mode})",
        "it was made with the usual mode, which lets others read it",
        "let its owner alone read it: chmod 600",
    )
    CREDENTIAL_OWNER = (
        "the credential {reference} belongs to another user than the gateway's",
        "somebody else, often root, put it there",
        "chown it to the user that runs the gateway",
    )
    CREDENTIAL_SIZE = (
        "the credential {reference} is larger than {most} bytes",
        "it is another file than the secret",
        "put the secret alone into it",
    )
    CREDENTIAL_EMPTY = (
        "the credential {reference} is empty",
        "the variable is not set in the gateway's environment, or the file has nothing in it",
        "set the variable, or fill the file",
    )
    CREDENTIAL_FORM = (
        "the credential {reference} must be one line of printable ASCII",
        "it was copied with a line break, or is not a token at all",
        "remove line breaks and other characters from it",
    )
    CREDENTIAL_REFUSED = (
        "{url} answered with HTTP {status}: it does not accept the credential, or wants one",
        "the secret is missing, was changed at the container, or has expired",
        "check the container's credential reference, and the secret that it names",
    )

    @property
    def sentence(self) -> str:
        """What is the case, with {particulars} to fill in."""
        return self.value[0]

    @property
    def cause(self) -> str:
        """What it most likely comes from."""
        return self.value[1]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.value[2]

    def told(self, **particulars: object) -> str:
        """Return the sentence with its particulars, and what to do."""
        return f"{self.sentence.format_map(particulars)}; {self.advice}"
