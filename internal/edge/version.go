//evenkeel:shell

package edge

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// An ETag has three parts: the cell's generation and the version of the object,
// which a condition is judged by, and the sum of the answer. With the sum a GET
// is answered 304 only if nothing of the answer has changed, live figures
// included, while they may change without a PUT being refused.

// tagVersion is the part that a condition is judged by.
func tagVersion(r Reader, version uint64) string {
	generation := r.Status().Generation
	return generation[:min(8, len(generation))] + "-" + strconv.FormatUint(version, 10)
}

func makeTag(version string, body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + version + "-" + base64.RawURLEncoding.EncodeToString(sum[:6]) + `"`
}

// version returns the version of what is answered; 0: it has none. Objects that
// count their own begin with 0, so these are one more here.
func (q *request) version(r Reader, value any, err error) uint64 {
	f := &q.route.form
	switch {
	case err != nil:
		return 0
	case f.counts != nil:
		return f.counts(value) + 1
	case f.object == 0:
		return 0
	case f.part != "":
		return r.Version(q.who.Principal, f.object, q.PathValue("id")+"/"+f.part)
	}
	return r.Version(q.who.Principal, f.object, q.PathValue("id"))
}

// readCondition reads what the caller wants the object to be before he changes
// it. Where nothing has a version a condition is refused, not ignored.
func (q *request) readCondition() (err *evenkeel.Error) {
	if q.Method != http.MethodGet && q.Method != http.MethodHead && q.route.form.counts == nil {
		q.ifVersion, err = q.condition()
	}
	return err
}

func (q *request) condition() (uint64, *evenkeel.Error) {
	match, none := q.Header.Get("If-Match"), q.Header.Get("If-None-Match")
	switch {
	case match == "" && none == "":
		return 0, nil
	case match != "" && none != "":
		return 0, evenkeel.FieldErrorf("If-Match", "If-Match and If-None-Match exclude each other")
	case q.route.form.object == 0:
		return 0, evenkeel.FieldErrorf("If-Match", "nothing has a version here; leave the condition out")
	case none == "*" && q.Method == http.MethodPut:
		return evenkeel.IfAbsent, nil
	case none != "":
		return 0, evenkeel.FieldErrorf("If-None-Match", "to create and not replace, PUT with If-None-Match: *")
	case match == "*":
		return evenkeel.IfPresent, nil
	}
	return q.taggedVersion(match)
}

// taggedVersion reads the version out of an ETag of this cell.
func (q *request) taggedVersion(match string) (uint64, *evenkeel.Error) {
	tag, quoted := strings.CutPrefix(match, `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	if !quoted || !closed || strings.Contains(tag, `"`) {
		return 0, evenkeel.FieldErrorf("If-Match", "must be one ETag as an answer gave it, in its quotes, or *")
	}
	generation, rest, _ := strings.Cut(tag, "-")
	number, _, _ := strings.Cut(rest, "-")
	version, err := strconv.ParseUint(number, 10, 63)
	known := false
	q.edge.cfg.Cell.View(func(r Reader) { known = tagVersion(r, version) == generation+"-"+number })
	if err != nil || version == 0 || !known {
		return 0, evenkeel.Errorf(evenkeel.CodeVersionConflict, "this version is not of this cell as it is now; read the object again")
	}
	return version, nil
}

// asBefore tells whether a GET's caller has the answer already.
func (q *request) asBefore(tag string) bool {
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		return false
	}
	for have := range strings.SplitSeq(q.Header.Get("If-None-Match"), ",") {
		have = strings.TrimPrefix(strings.TrimSpace(have), "W/")
		if have == tag || have == "*" {
			return true
		}
	}
	return false
}
