package cors

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jub0bs/cors"
	"github.com/jub0bs/cors/cfgerrors"

	"github.com/loom-gateway/loom/internal/origins"
)

// Check reports what is wrong with the settings, all of it.
func (h *Handler) Check() error {
	_, err := h.middleware()
	return err
}

// middleware has the library make sense of the settings.
func (h *Handler) middleware() (*cors.Middleware, error) {
	age := time.Duration(h.MaxAge)
	if age < 0 || age > 24*time.Hour || age%time.Second != 0 {
		return nil, fmt.Errorf("max_age %s: write whole seconds up to 24h, such as 10m", age)
	}
	m, err := cors.NewMiddleware(cors.Config{
		Origins: h.Origins, Credentialed: h.Credentials, Methods: h.Methods, RequestHeaders: h.Headers, ResponseHeaders: h.Expose,
		MaxAgeInSeconds: int(age / time.Second),
	})
	if err == nil {
		return m, nil
	}
	var problems []error
	for problem := range cfgerrors.All(err) {
		problems = append(problems, advice(problem))
	}
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return nil, errors.Join(problems...)
}

// advice says what to write instead.
func advice(err error) error {
	switch e := err.(type) { //nolint:errorlint // All hands out each as it is
	case *cfgerrors.IncompatibleOriginPatternError:
		switch e.Reason {
		case "wildcard":
			return errors.New(`origins "*" with credentials would let every page act with the cookies of its visitor: name the origins, or leave credentials off`)
		case "insecure":
			return fmt.Errorf("origin %q with credentials would trust whoever is between a browser and that page: use https, or leave credentials off", e.Value)
		}
		return fmt.Errorf("origin %q with credentials would trust whoever registers a name below it: write a domain of your own, such as https://*.example.com", e.Value)
	case *cfgerrors.UnacceptableOriginPatternError:
		return origins.Advice(e)
	case *cfgerrors.IncompatibleWildcardResponseHeaderNameError:
		return errors.New(`expose "*" does not go with credentials: name the headers`)
	case *cfgerrors.UnacceptableMethodError:
		return fmt.Errorf("method %q: browsers do not send it: remove it", e.Value)
	case *cfgerrors.UnacceptableHeaderNameError:
		return fmt.Errorf("%s header %q: it is %s here: remove it", e.Type, e.Value, e.Reason)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "cors: "))
}
