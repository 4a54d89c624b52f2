package evenkeel

import (
	"errors"
	"fmt"
)

// Code is the stable name of an error, the same over HTTP and the realtime
// protocol. Clients may rely on it; the sentence beside it is for people.
type Code string

// The codes. docs/errors.md tells what each means and what to do about it.
const (
	CodeBadRequest            Code = "bad_request"
	CodeUnauthenticated       Code = "unauthenticated"
	CodeInvalidCredentials    Code = "invalid_credentials"
	CodeTokenExpired          Code = "token_expired"
	CodeForbidden             Code = "forbidden"
	CodeUnknownMethod         Code = "unknown_method"
	CodeNotFound              Code = "not_found"
	CodeConflict              Code = "conflict"
	CodeNotYourOffer          Code = "not_your_offer"
	CodeOfferExpired          Code = "offer_expired"
	CodeChatClosed            Code = "chat_closed"
	CodeQueueFull             Code = "queue_full"
	CodeQueueClosed           Code = "queue_closed"
	CodeTooLarge              Code = "too_large"
	CodeLimitReached          Code = "limit_reached"
	CodeKeyReused             Code = "key_reused"
	CodeVersionConflict       Code = "version_conflict"
	CodeTooManyRequests       Code = "too_many_requests"
	CodeNoLeader              Code = "no_leader"
	CodeDiskFull              Code = "disk_full"
	CodeInternal              Code = "internal"
	CodeUnrecoverablePosition Code = "unrecoverable_position"
	CodeArchiveUnavailable    Code = "archive_unavailable"
)

// CodeInfo is one row of the table of errors.
type CodeInfo struct {
	Code      Code
	HTTP      int    // status of an HTTP answer
	Protocol  uint32 // code of an error in the realtime protocol
	Temporary bool   // the same request may succeed later, unchanged
	Title     string
}

// Codes returns the one table that turns codes into statuses, in the order of
// the documentation.
func Codes() []CodeInfo {
	return []CodeInfo{
		{CodeBadRequest, 400, 107, false, "The request is not well formed"},
		{CodeUnauthenticated, 401, 101, false, "No valid credentials were given"},
		{CodeInvalidCredentials, 401, 101, false, "The e-mail address or the password is wrong"},
		{CodeTokenExpired, 401, 109, false, "The token has expired"},
		{CodeForbidden, 403, 103, false, "The caller's role does not allow this"},
		{CodeUnknownMethod, 404, 104, false, "There is no such method"},
		{CodeNotFound, 404, 1000, false, "There is no such object, or it is not the caller's"},
		{CodeConflict, 409, 1001, false, "The object's state does not allow this"},
		{CodeNotYourOffer, 409, 1002, false, "The chat is not offered to the caller"},
		{CodeOfferExpired, 409, 1003, false, "The offer has expired"},
		{CodeChatClosed, 409, 1004, false, "The chat is closed"},
		{CodeQueueFull, 409, 1005, false, "The queue is full"},
		{CodeQueueClosed, 409, 1006, false, "The queue is closed"},
		{CodeTooLarge, 413, 1007, false, "The request or a part of it is too large"},
		{CodeLimitReached, 409, 1008, false, "A limit of the workspace or the cell is reached"},
		{CodeKeyReused, 422, 1009, false, "The id was used before for another request"},
		{CodeVersionConflict, 412, 1010, false, "The object was changed in the meantime"},
		{CodeTooManyRequests, 429, 111, true, "Too many requests"},
		{CodeNoLeader, 503, 108, true, "The cell has no leader at the moment"},
		{CodeDiskFull, 503, 1011, true, "The cell's disk is full"},
		{CodeInternal, 500, 100, true, "Something failed inside the server"},
		{CodeUnrecoverablePosition, 410, 112, false, "The history at this position is gone"},
		{CodeArchiveUnavailable, 503, 1012, true, "The archive cannot be read at the moment"},
	}
}

// Info returns the code's row of the table; an unknown code counts as internal.
func (c Code) Info() CodeInfo {
	for _, info := range Codes() {
		if info.Code == c {
			return info
		}
	}
	return CodeInfo{CodeInternal, 500, 100, true, "Something failed inside the server"}
}

// Error is a refusal that tells what to do. Nothing was changed.
type Error struct {
	Code       Code     `json:"code"`
	Detail     string   `json:"detail,omitempty"`
	Field      string   `json:"field,omitempty"`       // the offending field, if one can be named
	RetryAfter Duration `json:"retry_after,omitempty"` // when to try again, if that is known
}

// Errorf makes an error with a sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// FieldErrorf makes a bad_request that names the offending field.
func FieldErrorf(field, format string, args ...any) *Error {
	return &Error{Code: CodeBadRequest, Field: field, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Detail
}

// ErrorCode returns the code that an error carries; "" for nil (also a nil *Error,
// such as a Result's), internal for an error that carries none.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		if e == nil {
			return ""
		}
		return e.Code
	}
	return CodeInternal
}
