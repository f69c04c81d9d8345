"""The table of all rules of redaction: names, places and forms. docs/redaction.md is drawn from it.

A name is compared by its words, in lower case (`X-Api-Key`, `xApiKey` and `X_API_KEY` are x_api_key).
Forms are in RE2's syntax (github.com/google/re2/wiki/Syntax), so that none can be made to run long.
Forms are those of the kinds that gitleaks and detect-secrets know, and of vendors' own documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


class Name(NamedTuple):
    """Words of a name whose value is a secret: a regular expression over words joined by `_`."""

    kind: str
    words: str
    example: str


class Form(NamedTuple):
    """A secret that is known by how it looks, wherever it stands."""

    what: str
    pattern: str
    sign: str = ""
    """What every such secret has in it, where the pattern begins with nothing fixed: looked for first."""


NAMES: Final = (
    Name("authorization", r"authorization|bearer", "Proxy-Authorization"),
    Name("cookie", r"(?:set_?)?cookies?", "Set-Cookie"),
    Name(
        "password", r"[a-z]*(?:passwords?|passwd|passphrase|passcode|pwd)|db_?pass|[a-z]+_pass", "DB_PASSWORD"
    ),
    Name("private key", r"(?:private|priv|ssh|signing|encryption|master|deploy|host)_?key", "ssh-key"),
    Name(
        "credential",
        r"credentials?|creds|conn(?:ection)?_string|dockerconfigjson|dockercfg",
        "DB_CREDENTIALS",
    ),
    Name("credential", r"^_auth$", "_auth"),
    Name("token", r"[a-z]*token|jwt|otp|(?:amz|goog)_signature", "GITHUB_TOKEN"),
    Name("token", r"[a-z]*(?:apikey|authkey|accountkey)", "anthropicApikey"),
    Name(
        "token",
        r"(?:api|app|application|access|account|auth|bot|client|db|database|license|service)_key",
        "X-Api-Key",
    ),
    Name(
        "token",
        r"(?:admin|integration|shared_access|storage|subscription|webhook|write)_key",
        "subscription_key",
    ),
    Name("secret", r"[a-z]*secrets?(?:_key)?", "clientSecret"),
)
"""Names that tell a secret: whatever they hold is hidden."""

ABOUT: Final = (
    r"counts?|limits?|types?|usage|budget|length|size|ur[il]s?|endpoints?|methods?|names?|files?|path|dir|fields?"
    r"|header|expir[a-z]*|expires_(?:in|at)|ttl|max_age|lifetime|status|enabled|required|alg|algorithm|format"
    r"|version|providers?|source|scopes?|policy|ref|arn|class|prefix|label|description|manager|store|vault|kind|domain|index|begin|end|pos|magic|principals"
)
"""Last words of names that only speak about a secret: `tokenCount`, `secretName`; nothing is hidden."""

PLAIN_TOKENS: Final = (
    r"progress|page|continuation|cancellation|next|start|stop|eos|bos|pad|mask|special|max|min|total|input|output"
    r"|prompt|completion|per|reasoning|cached?"
)
"""Words before `token` of names that are no secrets either: `nextPageToken`, `eos_token`."""

HINTS: Final = (
    r"keys?|auth|access|api|login|pass|pin|salt|seed|signature|hmac|webhook|dsn|sig|sas|pat|accesskey|tokens|session_cookie"
    r"|adafruit|adobe|airtable|algolia|alibaba|anthropic|artifactory|asana|atlassian|aws|azure|beamer|bintray"
    r"|bitbucket|bittrex|bundle|cloudant|cloudflare|codecov|cohere|coinbase|confluence|confluent|contentful"
    r"|contribsys|datadog|discord|dnkey|drone|droneci|dropbox|etsy|facebook|fastly|finicity|finnhub|flickr"
    r"|freshbooks|gitter|gocardless|heroku|hubspot|ibm|intercom|jfrog|jira|kraken|kucoin|launchdarkly|linear"
    r"|linked_?in|lob|mailchimp|mailgun|mapbox|mattermost|meraki|message_?bird|mistral|netlify|new_?relic|nytimes"
    r"|okta|openai|pinecone|plaid|private_?ai|rapidapi|sendbird|sentry|snyk|softlayer|sonar|squarespace|sumo"
    r"|telegram|telegr|travis|twilio|twitch|twitter|typeform|xray|yandex|zendesk"
)
"""Names that may tell a secret: what they hold is hidden if it looks random, at least 12 characters."""

NO_HINTS: Final = (
    r"public|pub|primary|foreign|partition|cache|sort|idempotency|hash|sha|sha1|sha256|digest|checksum|etag|commit"
    r"|fingerprint|model|url|uri|path|file|version|session_id|request_id|trace|host|name|region|image|date|time"
)
"""Words that take a hint back: `publicKey`, `cache_key`, `AWS_REGION`."""

FORMS: Final = (
    # Code hosting and package registries
    Form("GitHub", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    Form("GitHub, fine-grained", r"github_pat_\w{22,}"),
    Form("GitLab", r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|ffct|soat|imt|agent|oas|wt)-[\w.-]{20,}"),
    Form("GitLab runner", r"GR1348941[\w-]{20,}"),
    Form("GitLab cookie", r"_gitlab_session=[0-9a-z]{20,}"),
    Form("npm", r"npm_[A-Za-z0-9]{30,}"),
    Form("PyPI", r"pypi-[\w-]{50,}"),
    Form("RubyGems", r"rubygems_[0-9a-f]{40,}"),
    Form("NuGet", r"oy2[a-z0-9]{43}"),
    Form("Clojars", r"(?i:clojars_)[A-Za-z0-9]{50,}"),
    Form("crates.io", r"cio[A-Za-z0-9]{32}"),
    Form("Docker", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    Form("Artifactory", r"AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{55,}"),
    Form("Atlassian, Bitbucket", r"AT(?:ATT3|CTT3|BB)[\w=-]{20,}"),
    Form("Sourcegraph", r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    Form("Octopus Deploy", r"API-[A-Z0-9]{26}"),
    Form("Harness", r"[ps]at\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    Form("CircleCI", r"CCI(?:PAT|PRJ)_[\w-]{20,}"),
    Form("Buildkite", r"bkua_[a-f0-9]{40}"),
    # Clouds, databases, secrets managers
    Form("AWS key id", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    Form("AWS Bedrock", r"ABSK[A-Za-z0-9+/]{40,}|bedrock-api-key-[\w+/=-]{20,}"),
    Form("Alibaba", r"LTAI[A-Za-z0-9]{12,}"),
    Form("Google API", r"AIza[\w-]{30,}"),
    Form("Google OAuth", r"ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,}"),
    Form("Azure AD", r"[A-Za-z0-9][\w~.]{2}[0-9]Q~[\w.~-]{30,}", r"[0-9]Q~"),
    Form(
        "Azure DevOps, storage",
        r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18,}|[A-Za-z0-9+/]{76}(?:AZDO|ASt\+?)[\w+/=]{6,}",
        r"JQQJ99|AZDO|ASt",
    ),
    Form("DigitalOcean", r"do[opr]_v1_[a-f0-9]{40,}"),
    Form("Databricks", r"dapi[a-f0-9]{32}"),
    Form("Vault", r"hv[sbr]\.[\w-]{20,}|[sb]\.[A-Za-z0-9]{24}"),
    Form("Terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{50,}", r"\.atlasv1\."),
    Form("1Password", r"ops_eyJ[A-Za-z0-9+/=]{40,}|A3-[A-Z0-9]{6}-[A-Z0-9]{5,11}(?:-[A-Z0-9]{5,6}){3,4}"),
    Form("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}"),
    Form("age", r"AGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    Form("PlanetScale", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{20,}"),
    Form("Supabase", r"sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,}"),
    Form("Aiven", r"AVNS_[\w-]{16,}"),
    Form("ClickHouse", r"4b1d[A-Za-z0-9]{38}"),
    Form("Fly.io", r"fo1_[\w-]{40,}|fm(?:1[ar]|2)_[A-Za-z0-9+/=]{60,}"),
    Form("Heroku", r"HRKU-[\w-]{30,}"),
    Form("Render, Railway, Scalingo", r"rnd_[A-Za-z0-9]{28,}|tk-us-[\w-]{40,}"),
    Form("Cloudflare", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    Form("Pulumi", r"pul-[a-f0-9]{40}"),
    Form("Infracost", r"ico-[A-Za-z0-9]{32}"),
    Form("Prefect", r"pn[bu]_[A-Za-z0-9]{36}"),
    Form("OpenShift", r"sha256~[\w-]{40,}"),
    Form("Tailscale", r"tskey-[\w-]{20,}"),
    Form("Defined Networking", r"dnkey-[\w=-]{26}-[\w=-]{52}"),
    Form("Yandex", r"t1\.[\w-]+={0,2}\.[\w-]{86}={0,2}|AQVN[\w-]{35,}|YC[\w-]{38}"),
    # Models
    Form("OpenAI, Anthropic, others", r"sk-[\w-]{20,}"),
    Form("Groq, xAI, Perplexity, Replicate", r"(?:gsk_|xai-|pplx-|r8_)[A-Za-z0-9]{30,}"),
    Form("Hugging Face", r"(?:hf_|api_org_)[A-Za-z0-9]{30,}"),
    Form(
        "LangSmith, Tavily, Jina, NVIDIA",
        r"lsv2_[ps][tk]_[\w]{20,}|tvly-[\w-]{20,}|jina_\w{40,}|nvapi-[\w-]{40,}",
    ),
    # Observation
    Form("Grafana", r"gl(?:c|sa)_[\w+/=]{20,}|eyJrIjoi[A-Za-z0-9+/=]{40,}"),
    Form("Sentry", r"sntry[su]_[\w+/=]{20,}"),
    Form("New Relic", r"NR(?:AK|II|IQ|JS|AA|RA)-[\w-]{19,}"),
    Form("Dynatrace", r"dt0[a-z][0-9]{2}\.[A-Za-z0-9]{20,}\.[A-Za-z0-9]{60,}"),
    # Money and shops
    Form("Stripe", r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    Form("Webhook secret", r"whsec_[\w+/=]{20,}"),
    Form("Square", r"(?:sq0(?:atp|csp|idp)-|EAAA)[\w-]{22,}"),
    Form("Plaid", r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Form("Shopify", r"shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{32}"),
    Form("Flutterwave", r"FLW(?:SEC|PUB)K(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?"),
    Form("GoCardless, Lob", r"(?:live|test)_(?:pub_)?[a-f0-9]{31,35}|live_[\w=-]{40,}"),
    Form(
        "Duffel, EasyPost, Shippo",
        r"duffel_(?:test|live)_[\w=-]{40,}|EZ[AT]K[A-Za-z0-9]{50,}|shippo_(?:live|test)_[a-fA-F0-9]{40}",
    ),
    Form("Braintree", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Form("Settlemint", r"sm_[aps]at_[A-Za-z0-9]{16}"),
    # Mail, messages, social networks
    Form("SendGrid", r"SG\.[\w=-]{16,}\.[\w=-]{16,}"),
    Form("Sendinblue", r"x(?:keysib|smtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    Form(
        "Mailgun",
        r"(?:pub)?key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",
        r"key-|[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}",
    ),
    Form("Mailchimp, Mandrill", r"[0-9a-f]{32}-us[0-9]{1,2}|md-[A-Za-z0-9_-]{22}", r"[0-9a-f]-us[0-9]|md-"),
    Form("Twilio", r"(?:SK|AC)[0-9a-fA-F]{32}"),
    Form("Slack", r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}|xapp-[\w-]{20,}"),
    Form("Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w+/-]{20,}"),
    Form("Discord webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{10,}/[\w-]{20,}"),
    Form("Discord bot", r"[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}"),
    Form("Teams webhook", r"webhook\.office\.com/webhookb2/[\w@/-]{40,}"),
    Form("Telegram bot", r"[0-9]{5,16}:A[A-Za-z0-9_-]{34,}", r"[0-9]{5}:A[\w-]{8}"),
    Form(
        "Facebook",
        r"EAA[A-Za-z0-9]{60,}|[0-9]{15,16}(?:\||%7C)[\w-]{27,40}",
        r"EAA[A-Za-z0-9]{20}|[0-9]{15}(?:\||%7C)",
    ),
    Form("Twitter", r"A{20,}[A-Za-z0-9%]{60,}", r"A{20}"),
    # Tools of teams
    Form("Airtable", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    Form("Linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    Form("Notion", r"ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{43}"),
    Form("Figma", r"fig[dor]_[\w-]{30,}"),
    Form("Postman", r"PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{30,}"),
    Form("HubSpot", r"pat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Form("Asana", r"[12]/[0-9]{13,}:[a-f0-9]{32}", r"[12]/[0-9]{13}"),
    Form("Dropbox", r"sl\.[\w=-]{60,}|[a-z0-9]{11}A{10}[\w=-]{43}", r"sl\.[\w=-]{6}|A{10}"),
    Form("Typeform, Frame.io, Readme", r"tfp_[\w.=-]{40,}|fio-u-[\w=-]{60,}|rdme_[a-z0-9]{60,}"),
    Form("Mapbox", r"[sp]k\.eyJ[\w-]{20,}\.[\w-]{20,}|pk\.[a-z0-9]{60}\.[a-z0-9]{22}"),
    Form("MaxMind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", r"_mmk"),
    Form("Adobe, Intra42", r"p8e-[A-Za-z0-9]{32}|s-s4t2(?:ud|af)-[a-f0-9]{64}"),
    Form(
        "Authress",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}",
    ),
    Form("JWT, JWE", r"ey[IJ][\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}"),
    Form("JWT in base64", r"ZXlK[\w+/=-]{40,}"),
    Form("Docker config", r"eyJhdXRocyI6[\w+/=-]{20,}"),
    Form("Credential in URL", r"X-(?:Amz|Goog)-Signature=[0-9a-f]{40,}"),
)

# A place's rule: the kind of content to mark under a key, or rules for the keys below it; "*" is any other.
Rule: TypeAlias = "str | Rules"
Rules: TypeAlias = "Mapping[str, Rule]"

QUERY: Final = "query"
"""Marks only what follows the question mark of a URL."""
_SERVER: Final = {"env": "environment", "headers": "header", "args": "argument", "url": QUERY}
EVERYWHERE: Final[Rules] = {
    "rawInput": "tool input",
    "rawOutput": "tool output",
    "oldText": "file content",
    "newText": "file content",
    "resource": {"text": "file content", "blob": "file content"},
    "mcpServers": {**_SERVER, "*": _SERVER},
    "authMethods": {"env": "environment", "args": "argument"},
}
"""Places in any frame."""
OF_TOOL_CALL: Final[Rules] = {"content": "tool content"}
"""Places in every object that has a toolCallId."""
OF_METHOD: Final[Mapping[str, Rules]] = {
    "fs/write_text_file": {"params": {"content": "file content"}},
    "terminal/create": {"params": {"command": "command", "args": "argument", "env": "environment"}},
    "authenticate": {"params": {"_meta": "credential"}},
}
"""Places in requests."""
OF_ERROR: Final[Rules] = {"error": {"data": "error data"}}
OF_ANSWER_TO: Final[Mapping[str, Rules]] = {
    "fs/read_text_file": {"result": {"content": "file content"}, **OF_ERROR},
    "terminal/output": {"result": {"output": "terminal output"}, **OF_ERROR},
}
"""Places in answers, by what they answer."""
OF_ANSWER_TO_UNKNOWN: Final[Rules] = {
    "result": {"content": "file content", "output": "terminal output"},
    **OF_ERROR,
}
"""An answer does not say what it answers; where nobody else knows it either, it may be any of those."""
LABELS: Final = frozenset(
    {"absolute_path", "cwd", "file_path", "filePath", "filepath", "path", "uri"}
    | {"kind", "line", "mimeType", "name", "status", "terminalId", "toolCallId", "type"}
)
"""What stays readable inside marked content: where and what it is, not what it says."""
